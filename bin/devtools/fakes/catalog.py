"""Functions and schemas of the catalogs in scenarios, by path."""

from __future__ import annotations

HOST = "raw.githubusercontent.com"
_CATALOG = "/serverlessworkflow/catalog/refs/heads/main/functions"
FUNCTIONS = {
    f"{_CATALOG}/add/1.0.0/function.yaml": "set: { sum: '${ .a + .b }' }",
    f"{_CATALOG}/peek/1.0.0/function.yaml": "set: { seen: '${ $secrets }', input: '${ . }' }",
    f"{_CATALOG}/twice/1.0.0/function.yaml": "do: [ { once: { call: 'add:1.0.0@default', "
    "with: { a: '${ .n }', b: '${ .n }' } } } ]",
    f"{_CATALOG}/round/1.0.0/function.yaml": "call: 'round:1.0.0@default'",
    f"{_CATALOG}/broken/1.0.0/function.yaml": "sett: { a: 1 }",
    f"{_CATALOG}/ear/1.0.0/function.yaml": "do: [ { l: "
    "{ listen: { to: { one: { with: { type: t } } } } } } ]",
    f"{_CATALOG}/page/1.0.0/function.yaml": "<html>: [ no function",
    f"{_CATALOG}/shell/1.0.0/function.yaml": "run: { shell: { command: ls } }",
    "/myorg/functions/refs/tags/v1.0.0/half/function.yaml": "set: { half: '${ .n / 2 }' }",
}
_SCHEMAS = "/myorg/schemas/refs/heads/main"
SCHEMAS = {
    f"{_SCHEMAS}/order.yaml": "type: object\nrequired: [ id ]\n"
    "properties: { id: { $ref: '#/$defs/id' } }\n$defs: { id: { type: integer } }",
    f"{_SCHEMAS}/order.json": {"type": "object", "required": ["id"]},
    f"{_SCHEMAS}/none.yaml": "type: 7",
    f"{_SCHEMAS}/text.yaml": "no schema at all",
    f"{_SCHEMAS}/far.yaml": "$ref: https://raw.githubusercontent.com/myorg/schemas/refs/heads/main/order.json",
}
REDIRECTS = {
    f"{_CATALOG}/inside/1.0.0/function.yaml": "http://127.0.0.1:1/function.yaml",
    f"{_CATALOG}/metadata/1.0.0/function.yaml": "http://169.254.169.254/latest/meta-data",
}
