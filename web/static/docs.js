"use strict";
// Renders the OpenAPI document that the API makes of its own routes.

const make = (tag, text, parent, name) => {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  if (name) element.className = name;
  if (parent) parent.append(element);
  return element;
};

const resolve = (spec, schema) =>
  schema && schema.$ref ? schema.$ref.slice(2).split("/").reduce((at, step) => at[step], spec) : schema;

const typeOf = (spec, schema) => {
  const found = resolve(spec, schema) || {};
  const type = [].concat(found.type || "any").join(" | ");
  if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" | ");
  return type === "array" ? `${typeOf(spec, found.items)}[]` : found.format ? `${type} (${found.format})` : type;
};

const fields = (spec, schema, parent, title) => {
  const found = resolve(spec, schema);
  if (!found || !found.properties) return;
  make("h4", title, parent);
  const table = make("table", "", parent);
  for (const [name, property] of Object.entries(found.properties)) {
    const row = make("tr", "", table);
    make("code", name, make("td", "", row));
    make("td", typeOf(spec, property), row);
    make("td", (found.required || []).includes(name) ? "required" : "optional", row);
    make("td", (resolve(spec, property) || {}).description || "", row);
  }
};

const operationOf = (spec, path, method, operation, parent) => {
  const details = make("details", "", parent);
  const summary = make("summary", "", details);
  make("span", method.toUpperCase(), summary, "method");
  make("code", path, summary);
  make("span", operation.summary || "", summary);
  if (!operation.security.length) make("span", "no token needed", summary, "open");
  const body = make("div", "", details, "body");
  const parameters = operation.parameters.filter((parameter) => parameter.name !== "X-Agent-ID");
  if (parameters.length) {
    const properties = Object.fromEntries(parameters.map((each) => [`${each.name} (${each.in})`, each.schema]));
    fields(spec, { properties }, body, "Parameters");
  }
  const content = operation.requestBody && operation.requestBody.content["application/json"];
  if (content) fields(spec, content.schema, body, "Body");
  for (const [status, answer] of Object.entries(operation.responses)) {
    const json = answer.content && answer.content["application/json"];
    if (json && status !== "default") fields(spec, json.schema, body, `Answer ${status}`);
  }
};

fetch("/api/openapi.json").then((response) => response.json()).then((spec) => {
  document.getElementById("about").textContent =
    `Version ${spec.info.version}. Every request carries Authorization: Bearer and X-Agent-ID unless marked; errors are application/problem+json.`;
  const areas = {};
  for (const [path, operations] of Object.entries(spec.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      if (operation.responses) (areas[(operation.tags || ["other"])[0]] ||= []).push([path, method, operation]);
    }
  }
  for (const [area, found] of Object.entries(areas)) {
    const link = make("a", area, document.getElementById("areas"));
    link.href = `#${area}`;
    make("h2", area, document.getElementById("operations")).id = area;
    for (const [path, method, operation] of found) {
      operationOf(spec, path, method, operation, document.getElementById("operations"));
    }
  }
});
