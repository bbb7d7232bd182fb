"""Contracts travel as the SDK itself would send them, and come back whole."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from temporalio.converter import JSONPlainPayloadConverter

from engine.contracts.payload_converter import TYPED_JSON

pytestmark = pytest.mark.unit


@dataclass(frozen=True, slots=True)
class Inner:
    name: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner
    many: list[Inner]
    data: Any = None
    named: dict[str, Any] = field(default_factory=dict)
    perhaps: Inner | None = None


WHOLE = Outer(
    Inner("a", 2**70),
    [Inner("b"), Inner("c", 1)],
    {"x": [1.5, None, "é"]},
    {"k": {"v": True}},
    Inner("d"),
)
SDK = JSONPlainPayloadConverter()


@pytest.mark.parametrize("value", [WHOLE, Outer(Inner("a"), [])])
def test_a_contract_travels_as_the_sdk_would_send_it_and_comes_back_whole(value: Outer) -> None:
    sent = TYPED_JSON.to_payload(value)
    assert sent is not None
    assert sent == SDK.to_payload(value)
    assert TYPED_JSON.from_payload(sent, Outer) == SDK.from_payload(sent, Outer) == value


def test_members_of_a_newer_sender_are_left_out_and_missing_ones_need_a_default() -> None:
    newer = SDK.to_payload({"name": "a", "later": 1})
    assert newer is not None
    assert TYPED_JSON.from_payload(newer, Inner) == Inner("a")
    for wrong in ({"count": 1}, {"name": 5}, ["a"]):
        sent = SDK.to_payload(wrong)
        assert sent is not None
        with pytest.raises(TypeError):
            TYPED_JSON.from_payload(sent, Inner)


def test_what_could_be_encoded_is_decoded_however_deep_the_stack() -> None:
    data: list[Any] = []
    for _ in range(900):
        data = [data]
    payload = TYPED_JSON.to_payload(Outer(Inner("a"), [], data))
    assert payload is not None

    def decode(frames: int) -> Outer:
        decoded: Outer = decode(frames - 1) if frames else TYPED_JSON.from_payload(payload, Outer)
        return decoded

    depth, node = 0, decode(150).data
    while node:
        (node,) = node
        depth += 1
    assert depth == 900
