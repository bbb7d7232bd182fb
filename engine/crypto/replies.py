"""Replies of the worker to web: encrypted to a web process, authenticated for one workflow.

Temporal shows everybody who reaches it the key to which a reply is encrypted. The MAC keeps him
from inventing a reply, and from giving one account the reply that another one waits for.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from engine.crypto import jwe
from engine.crypto.command_mac import CommandMessage
from engine.crypto.jwe import Key
from engine.errors import InvalidError

SEPARATOR = b":"  # no kid of a setting has one


def seal_reply(content: bytes, *, to: Key, workflow_id: str, keys: Mapping[str, bytes]) -> str:
    """Return the content as a JWE, with its MAC by the first key; `keys` are by kid."""
    kid, key = next(iter(keys.items()))
    mac = base64.urlsafe_b64encode(_message(content, workflow_id).mac(key))
    return jwe.seal(to, SEPARATOR.join((kid.encode(), mac, content)))


def open_reply(
    reply: str, *, private_key: Key, workflow_id: str, keys: Mapping[str, bytes], bytes_max: int
) -> bytes:
    """Return the content.

    :raises InvalidError: `reply_not_authentic`, or when it cannot be decrypted.
    """
    plaintext = jwe.open_with(private_key, reply, bytes_max=bytes_max)
    kid, _, rest = plaintext.partition(SEPARATOR)
    text, _, content = rest.partition(SEPARATOR)
    key = keys.get(kid.decode(errors="replace"))
    try:
        mac = base64.urlsafe_b64decode(text)
    except ValueError:
        mac = b""
    if key is None or not _message(content, workflow_id).is_authentic(key, mac):
        raise InvalidError("reply_not_authentic", "No worker has sent this reply.")
    return content


def _message(content: bytes, workflow_id: str) -> CommandMessage:
    return CommandMessage(
        command=b"reply",
        target=workflow_id.encode(),
        message_id=b"",
        encoding=b"application/jose",
        data=content,
    )
