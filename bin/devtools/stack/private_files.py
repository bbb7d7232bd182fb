"""Files that only their owner may read: passwords, keys, and URLs that contain them."""

from __future__ import annotations

import os
from pathlib import Path


def write_private(file: Path, text: str, *, uid: int | None = None) -> None:
    """Replace a file's content; only its owner may read it, `uid` where it is given.

    The file has this mode before it has any content. A link in its place is refused.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(file, flags, 0o600), "w") as sink:
        os.fchmod(sink.fileno(), 0o600)
        if uid is not None:
            os.fchown(sink.fileno(), uid, uid)
        sink.write(text)
