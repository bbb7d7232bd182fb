"""Keys that browsers subscribe to, as the settings have them."""

from datetime import UTC, datetime

import jwt
import pytest

from bin.devtools.stack.fresh_keys import new_key
from engine.config.settings import Settings, SettingsError
from engine.errors import InvalidError
from engine.notifications import vapid
from engine.notifications.vapid import VapidSigner
from tests.support.channels import NOW

pytestmark = pytest.mark.unit


def test_a_token_is_for_the_origin_of_the_endpoint_alone() -> None:
    settings = Settings.from_env(new_key("VAPID_PRIVATE_KEYS"))
    ((kid, key),) = vapid.public_keys(settings).items()
    for endpoint, audience in (
        ("https://push.example.org/send/secret?x=y", "https://push.example.org"),
        ("https://push.example.org:443/", "https://push.example.org"),
        ("https://push.example.org:8443/", "https://push.example.org:8443"),
    ):
        header = VapidSigner.from_settings(settings).authorization(kid, endpoint, now=NOW)
        token, _, public_key = header.removeprefix("vapid t=").partition(", k=")
        assert public_key == key
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["aud"] == audience
        assert datetime.fromtimestamp(claims["exp"], UTC) == NOW + vapid.TOKEN_LIFETIME
        assert "sub" not in claims, "nobody is named where nobody is set"


def test_without_keys_there_are_none_and_nothing_is_signed() -> None:
    assert vapid.public_keys(Settings()) == {}
    with pytest.raises(InvalidError):
        VapidSigner.from_settings(Settings()).authorization(
            "any", "https://push.example.org/", now=NOW
        )


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"keys": []}',
        '{"keys": [{"kty": "EC"}]}',
        new_key("ENGINE_PRIVATE_KEYS")["ENGINE_PUBLIC_KEYS"],
    ],
)
def test_a_malformed_key_is_refused_by_the_name_of_its_setting(text: str) -> None:
    with pytest.raises(SettingsError, match="VAPID_PUBLIC_KEYS"):
        vapid.public_keys(Settings(vapid_public_keys=text))
    with pytest.raises(SettingsError, match="VAPID_PRIVATE_KEYS"):
        VapidSigner.from_settings(Settings(vapid_private_keys=text))


def test_a_contact_that_is_no_address_is_refused() -> None:
    with pytest.raises(SettingsError, match="VAPID_SUBJECT"):
        VapidSigner.from_settings(Settings(vapid_subject="the operator"))
