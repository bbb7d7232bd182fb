"""Key settings: a new set, and the steps of a key rotation that logs nobody out.

bin/keys                    print a complete new set
bin/keys rotate NAME ...    print settings whose first key is new; the old keys stay valid
bin/keys announce NAME ...  print settings whose last key is new: before a rotation in which old and
                            new processes run side by side, so that each accepts the other's tokens
bin/keys promote NAME ...   print settings whose last key is now the first
bin/keys retire NAME ...    print settings with the first key alone
bin/keys rewrap             encrypt the keys and secrets in the database again, each with the first
                            key of KEYRING, FACTOR_KEYS or CHANNEL_KEYS

The steps read the current settings from the environment, and print NAME='value' lines.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.orm import Session

from bin.devtools.stack.fresh_keys import fresh_keys, new_key
from engine.accounts import encryption_keys
from engine.accounts.mfa import totp
from engine.config.settings import Settings, SettingsError
from engine.crypto.keyring import Keyring
from engine.notifications import management
from engine.store.sessions import make_engine

Ring = list[Any]  # of keys: JWKs, or kid:base64url
# The second of each pair has the private halves of the first.
PAIRS = {"ENGINE_PUBLIC_KEYS": "ENGINE_PRIVATE_KEYS", "VAPID_PUBLIC_KEYS": "VAPID_PRIVATE_KEYS"}
STEPS: dict[str, Callable[[Ring, Any], Ring]] = {
    "rotate": lambda ring, new: [new, *ring],
    "announce": lambda ring, new: [*ring, new],
    "promote": lambda ring, _new: [ring[-1], *ring[:-1]],
    "retire": lambda ring, _new: ring[:1],
}


def step(verb: str, name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings after a step with one setting's keys, and with their public halves.

    :raises SettingsError: when the setting is unknown or missing.
    """
    name = PAIRS.get(name, name)
    if not environ.get(name) or name not in fresh_keys():
        raise SettingsError(f"{name} is not set, or holds no keys")
    public = next(
        (public_name for public_name, private_name in PAIRS.items() if private_name == name), None
    )
    new_keys = new_key(name)
    settings = {name: _join(STEPS[verb](_ring(environ[name]), *_ring(new_keys[name])))}
    if public is not None:
        settings[public] = _join(STEPS[verb](_ring(environ[public]), *_ring(new_keys[public])))
    return settings


def rewrap(settings: Settings) -> dict[str, int]:
    """Wrap accounts' keys and the secrets of factors and channels by the first keys.

    Returns how many were under other keys. Without CHANNEL_KEYS there are no channels.
    """
    engine = make_engine(settings, pool_size=1)
    with Session(engine) as session, session.begin():
        counts = {
            "KEYRING": encryption_keys.rewrap(session, Keyring(settings.secrets("keyring"))),
            "FACTOR_KEYS": totp.rewrap(session, Keyring(settings.secrets("factor_keys"))),
        }
        if settings.channel_keys:
            counts["CHANNEL_KEYS"] = management.rewrap(
                session, Keyring(settings.secrets("channel_keys"))
            )
    engine.dispose()
    return counts


def main(words: list[str]) -> int:
    """Run the command that the words name; return the exit status."""
    try:
        if not words:
            settings = fresh_keys()
        elif words == ["rewrap"]:
            print(
                "\n".join(f"{name}: {count}" for name, count in rewrap(Settings.from_env()).items())
            )
            return 0
        elif words[0] in STEPS and words[1:]:
            settings = {}
            for name in words[1:]:
                settings |= step(words[0], name, os.environ)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except SettingsError as fault:
        print(fault, file=sys.stderr)
        return 1
    for name, value in settings.items():
        print(f"{name}='{value}'")
    return 0


def _ring(text: str) -> Ring:
    return list(json.loads(text)["keys"]) if text.startswith("{") else text.split(",")


def _join(ring: Ring) -> str:
    if isinstance(ring[0], dict):
        return json.dumps({"keys": ring}, separators=(",", ":"))
    return ",".join(ring)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
