"""The vectors that the protocol's page gives to authors of clients."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from bin.devtools.stack.sealed_states import associated_data
from engine.contracts import timestamps
from engine.errors import InvalidError
from engine.sync import clock, hash_chain
from engine.sync.change import Change
from engine.sync.conflict_rules import judge
from engine.sync.locked_state import CurrentVersion, LockedEntity
from engine.sync.siblings import SiblingVersion

pytestmark = pytest.mark.unit


VECTORS = Path(__file__).parents[3] / "docs" / "reference" / "vectors"


def read(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


CLOCKS, CHAIN, DIGEST = read("clocks"), read("chain"), read("digest")


def said(told: dict[str, Any]) -> bytes:
    return hash_chain.hash_change(
        (told["type"], told["entityId"]),
        told["version"],
        told["vectorClock"],
        told["agentId"],
        deleted=told["deleted"],
        data_hash=sha256(told["encryptedData"].encode()).digest(),
    )


def test_clocks_are_canonical_and_compared_and_merged() -> None:
    for one, form in CLOCKS["canonical"]:
        assert clock.canonicalize(one) == form
    for one, other, order in CLOCKS["compare"]:
        assert clock.compare(one, other).value == order
    for one, other, merged in CLOCKS["merge"]:
        assert clock.merge(one, other) == merged
    for one, agent_id, following in CLOCKS["increment"]:
        assert clock.increment(one, agent_id) == following


@pytest.mark.parametrize("refused", CLOCKS["refused"], ids=lambda refused: str(refused)[:40])
def test_what_is_no_clock_is_refused(refused: Any) -> None:
    with pytest.raises(InvalidError):
        clock.parse(refused)


def change(told: dict[str, Any]) -> Change:
    return Change(
        "settings",
        "theme",
        told["encryptedData"],
        told["version"],
        told["vectorClock"],
        told["deleted"],
    )


def sibling(told: dict[str, Any]) -> SiblingVersion:
    version = change(told)
    return SiblingVersion(
        version.type,
        version.entity_id,
        version.version,
        version.clock,
        told["agentId"],
        version.deleted,
        uuid7(),
        version.data_hash,
        version.size,
    )


def current(told: dict[str, Any] | None) -> CurrentVersion | None:
    if told is None:
        return None
    version = change(told)
    return CurrentVersion(
        version.version, version.clock, version.data_hash, version.deleted, version.size
    )


@pytest.mark.parametrize("case", CLOCKS["cases"], ids=lambda case: case["name"])
def test_a_push_is_judged(case: dict[str, Any]) -> None:
    entity = LockedEntity(current(case["current"]), [sibling(told) for told in case["siblings"]])
    try:
        verdict = (
            judge(case["push"]["agentId"], change(case["push"]), entity, case["seen"]) or "accepted"
        )
    except InvalidError as refusal:
        verdict = refusal.code
    assert verdict == case["answer"]


def test_the_chain_is_linked() -> None:
    link = hash_chain.genesis_link(UUID(CHAIN["accountId"]))
    assert link.hex() == CHAIN["genesis"]
    for told in CHAIN["changes"]:
        assert said(told).hex() == told["digest"] == sha256(told["text"].encode()).hexdigest()
        at = timestamps.parse(told["updatedAt"], "")
        link = hash_chain.extend(link, said(told), at)
        assert (link.hex(), str(hash_chain.ChainPoint(at, link))) == (
            told["link"],
            told["syncHead"],
        )


def test_states_are_digested() -> None:
    hashed: dict[str, list[bytes]] = {}
    for told in DIGEST["states"]:
        if not told["deleted"]:
            hashed.setdefault(told["type"], []).append(said(told) + told["updatedAt"].encode())
    assert DIGEST["types"] == {
        kind: {"count": len(parts), "hash": sha256(b"".join(parts)).hexdigest()}
        for kind, parts in hashed.items()
    }


def test_associated_data_is_told() -> None:
    for told in read("associated-data"):
        named = [told[name] for name in ("type", "entityId", "version", "vectorClock", "agentId")]
        assert (
            associated_data(*named) == told["associatedData"].encode() == bytes.fromhex(told["hex"])
        )
