"""Requests of OpenAPI operations from their arguments."""

from __future__ import annotations

from typing import Any

import pytest

from engine.calls.openapi import bodies
from engine.calls.openapi.operations import compose
from engine.calls.openapi.parameters import RequestParts
from engine.calls.openapi.references import Description

pytestmark = pytest.mark.unit


COLOURS = ["blue", "black"]
POINT = {"R": 100, "G": 200}


def serialize(place: str, value: Any, **parameter: Any) -> str:
    at = RequestParts("/{colour}")
    at.add({"name": "colour", "in": place, **parameter}, value)
    if place == "header":
        return at.headers["colour"]
    return (
        at.fill_path()
        if place == "path"
        else "&".join(at.cookies if place == "cookie" else at.query)
    )


# The table of examples in OpenAPI 3.1, "Style Values".
@pytest.mark.parametrize(
    ("place", "style", "explode", "text", "array", "members"),
    [
        ("path", "matrix", False, "/;colour=blue", "/;colour=blue,black", "/;colour=R,100,G,200"),
        ("path", "matrix", True, "/;colour=blue", "/;colour=blue;colour=black", "/;R=100;G=200"),
        ("path", "label", False, "/.blue", "/.blue,black", "/.R,100,G,200"),
        ("path", "label", True, "/.blue", "/.blue.black", "/.R=100.G=200"),
        ("path", "simple", False, "/blue", "/blue,black", "/R,100,G,200"),
        ("path", "simple", True, "/blue", "/blue,black", "/R=100,G=200"),
        ("header", "simple", False, "blue", "blue,black", "R,100,G,200"),
        ("header", "simple", True, "blue", "blue,black", "R=100,G=200"),
        ("query", "form", False, "colour=blue", "colour=blue,black", "colour=R,100,G,200"),
        ("query", "form", True, "colour=blue", "colour=blue&colour=black", "R=100&G=200"),
        ("cookie", "form", False, "colour=blue", "colour=blue,black", "colour=R,100,G,200"),
    ],
)
def test_a_value_is_written_in_the_style_of_its_parameter(
    place: str, style: str, explode: bool, text: str, array: str, members: str
) -> None:
    texts = [
        serialize(place, value, style=style, explode=explode) for value in ("blue", COLOURS, POINT)
    ]
    assert texts == [text, array, members]


def test_separators_and_deep_objects_are_written_encoded() -> None:
    assert (
        serialize("query", COLOURS, style="spaceDelimited", explode=False) == "colour=blue%20black"
    )
    assert (
        serialize("query", COLOURS, style="pipeDelimited", explode=False) == "colour=blue%7Cblack"
    )
    assert serialize("query", POINT, style="deepObject") == "colour%5BR%5D=100&colour%5BG%5D=200"
    assert serialize("query", "a/b c&d") == "colour=a%2Fb%20c%26d"
    assert serialize("query", "a/b?c", allowReserved=True) == "colour=a/b?c"
    assert serialize("query", POINT, content={"application/json": {}}) == (
        "colour=%7B%22R%22%3A%20100%2C%20%22G%22%3A%20200%7D"
    )


@pytest.mark.parametrize(
    ("collection", "query"),
    [
        ("csv", "colour=blue,black"),
        ("ssv", "colour=blue%20black"),
        ("tsv", "colour=blue%09black"),
        ("pipes", "colour=blue%7Cblack"),
        ("multi", "colour=blue&colour=black"),
    ],
)
def test_collections_of_swagger_are_written_in_their_format(collection: str, query: str) -> None:
    assert serialize("query", COLOURS, type="array", collectionFormat=collection) == query


def test_a_path_cannot_be_left_by_a_parameter() -> None:
    assert serialize("path", "../../admin?x#y") == "/..%2F..%2Fadmin%3Fx%23y"


def test_a_form_in_parts_cannot_be_broken_out_of() -> None:
    content, media = bodies.encode({'a"\r\nX: y': "1", "o": {"b": 1}}, bodies.PARTS)
    boundary = media.partition("boundary=")[2]
    assert content.count(f"--{boundary}") == 3
    assert 'name="a%22%0D%0AX: y"\r\n\r\n1\r\n' in content
    assert 'name="o"\r\nContent-Type: application/json\r\n\r\n{"b": 1}\r\n' in content


@pytest.mark.parametrize(
    ("media_types", "media"),
    [
        (["text/plain", "application/json"], "application/json"),
        (["application/xml", "application/hal+json"], "application/hal+json"),
        (["application/xml"], "application/xml"),
        ([], "application/json"),
    ],
)
def test_a_body_is_json_where_it_may_be(media_types: list[str], media: str) -> None:
    assert bodies.choose_media_type(media_types) == media


@pytest.mark.parametrize(
    "reference", ["other.yaml#/a", "https://example.org/a", "#/nowhere", "#/circle", 5]
)
def test_a_reference_leads_to_something_within_the_description(reference: Any) -> None:
    with pytest.raises(ValueError, match="reference"):
        Description({"circle": {"$ref": "#/circle"}}).resolve({"$ref": reference})


def test_a_reference_may_lead_to_another() -> None:
    description = Description({"a": {"$ref": "#/b~1c"}, "b/c": {"d": 1}})
    assert description.resolve({"$ref": "#/a"}) == {"d": 1}
    assert description.resolve({"$ref": "#/b~1c"}) == {"d": 1}


def test_an_operation_becomes_a_request() -> None:
    description = {
        "openapi": "3.1.0",
        "servers": [{"url": "/api"}],
        "paths": {
            "/things/{id}": {
                "parameters": [
                    {"$ref": "#/components/parameters/id"},
                    {"name": "X-A", "in": "header"},
                ],
                "put": {
                    "operationId": "change",
                    "parameters": [{"name": "X-A", "in": "header", "required": True}],
                    "requestBody": {"content": {"application/json": {}}},
                },
            }
        },
        "components": {"parameters": {"id": {"name": "id", "in": "path", "required": True}}},
    }
    arguments = {"id": "a b", "X-A": 1, "name": "n"}
    request = compose(description, "https://h.test/spec.json", "change", arguments)
    assert (request.method, request.uri) == ("PUT", "https://h.test/api/things/a%20b")
    assert (request.headers, request.body) == (
        {"X-A": "1", "content-type": "application/json"},
        '{"name": "n"}',
    )
    with pytest.raises(ValueError, match="X-A"):
        compose(description, "https://h.test/spec.json", "change", {"id": "a"})
    with pytest.raises(ValueError, match="no OpenAPI document"):
        compose(["x"], "https://h.test/spec.json", "change", {})


def description_of(url: str, path: str = "/x", **variables: str) -> dict[str, Any]:
    members = {name: {"default": value} for name, value in variables.items()}
    operation = {"operationId": "x", "parameters": [{"name": "a", "in": "path"}]}
    return {
        "openapi": "3.1.0",
        "servers": [{"url": url, "variables": members}],
        "paths": {path: {"get": operation}},
    }


def test_what_a_servers_variable_stands_for_is_not_looked_at_for_variables_again() -> None:
    laughs = {f"v{number}": f"{{v{number + 1}}}{{v{number + 1}}}" for number in range(40)}
    call = compose(description_of("https://a.example/{v0}/{b}", b="{v0}", **laughs), "", "x", {})
    assert call.uri == "https://a.example/{v1}{v1}/{v0}/x"


@pytest.mark.parametrize(
    "description",
    [
        description_of("https://a.example/" + "{b}" * 1_000, b="x" * 1_000),
        description_of("https://a.example", "/{a}" * 9),
    ],
)
def test_an_address_that_names_a_long_text_many_times_is_refused(
    description: dict[str, Any],
) -> None:
    with pytest.raises(ValueError, match="addressCharacters"):
        compose(description, "", "x", {"a": "x" * 10_000})
