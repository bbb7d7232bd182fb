"""A reply is for one web process and one workflow, and a worker's."""

import pytest
from joserfc.jwk import OKPKey

from engine.crypto import jwe
from engine.crypto.replies import open_reply, seal_reply
from engine.errors import InvalidError

pytestmark = pytest.mark.unit


WEB = OKPKey.generate_key("X25519")
OLD, NEW = {"k1": b"1" * 32}, {"k2": b"2" * 32, "k1": b"1" * 32}
CONTENT = b'{"status":"completed","result":":"}'


def sealed(workflow_id: str = "execution:1", keys: dict[str, bytes] = OLD) -> str:
    return seal_reply(CONTENT, to=WEB, workflow_id=workflow_id, keys=keys)


def opened(reply: str, keys: dict[str, bytes] = OLD, key: OKPKey = WEB) -> bytes:
    return open_reply(
        reply, private_key=key, workflow_id="execution:1", keys=keys, bytes_max=10_000
    )


def test_a_reply_opens_for_its_workflow_and_during_a_rotation() -> None:
    assert opened(sealed()) == opened(sealed(), NEW) == CONTENT
    assert opened(sealed(keys=NEW), NEW) == CONTENT


@pytest.mark.parametrize(
    "forged",
    [
        jwe.seal(WEB, CONTENT),
        jwe.seal(WEB, b"k1:" + CONTENT),
        jwe.seal(WEB, b"k1:AAAA:" + CONTENT),
        jwe.seal(WEB, b"k1:*:" + CONTENT),
        sealed("execution:2"),
        sealed(keys=NEW),
        "no JWE",
    ],
)
def test_what_no_worker_has_sent_for_this_workflow_is_refused(forged: str) -> None:
    with pytest.raises(InvalidError):
        opened(forged)


def test_a_reply_to_another_process_does_not_open() -> None:
    with pytest.raises(InvalidError):
        opened(sealed(), key=OKPKey.generate_key("X25519"))
