from collections.abc import Callable
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.envconfig import ClientConfigProfile
from temporalio.service import TLSConfig

from bin.devtools.stack.fresh_keys import fresh_keys
from engine.config.setting_types import CHOICES, KEY_SETS, MAXIMUMS, MINIMUMS, SCHEMES
from engine.config.settings import SECRET_LISTS, Settings, SettingsError
from engine.config.temporal_tls import make_tls_config

pytestmark = pytest.mark.unit


NUMBERS = [field.name for field in fields(Settings) if not isinstance(field.default, str)]
NAMES = st.sampled_from(NUMBERS)


def refused(name: str, value: str) -> str:
    with pytest.raises(SettingsError) as told:
        Settings.from_env({name.upper(): value})
    assert str(told.value).startswith(name.upper() + " ")
    return str(told.value)


def number(kind: Callable[[str], float], text: str) -> float | None:
    try:
        return kind(text)
    except ValueError:
        return None


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_the_database_urls_that_hosts_hand_out_name_the_driver_in_use(scheme: str) -> None:
    settings = Settings.from_env({"DATABASE_URL": f"{scheme}://u:p@h:5432/d"})
    assert settings.database_url == "postgresql+psycopg://u:p@h:5432/d"


@given(name=NAMES, text=st.text(min_size=1).filter(lambda text: number(float, text) is None))
def test_what_is_no_number_stops_the_process_by_the_name_of_its_variable(
    name: str, text: str
) -> None:
    assert "must be a" in refused(name, text)


@given(name=NAMES, text=st.sampled_from(["nan", "inf", "-inf", "1e400", "9" * 5000]))
def test_what_is_no_finite_number_does_too(name: str, text: str) -> None:
    assert name.upper() in refused(name, text)


@given(name=NAMES, distance=st.integers(1, 10**9))
def test_and_so_does_a_number_out_of_its_bounds(name: str, distance: int) -> None:
    assert "must be" in refused(name, str(int(MINIMUMS.get(name, 0)) - distance))
    if name in MAXIMUMS:
        assert "must be from" in refused(name, str(int(MAXIMUMS[name]) + distance))


@given(name=NAMES)
def test_every_default_is_within_the_bounds(name: str) -> None:
    default = next(field.default for field in fields(Settings) if field.name == name)
    assert getattr(Settings.from_env({name.upper(): str(default)}), name) == default


@pytest.mark.parametrize("name", sorted(CHOICES))
def test_what_is_none_of_the_choices_stops_the_process(name: str) -> None:
    assert "must be" in refused(name, "maybe")


@pytest.mark.parametrize("name", sorted(SCHEMES))
@pytest.mark.parametrize("value", ["example.org", "ftp://example.org", "https://"])
def test_an_address_of_another_kind_stops_the_process(name: str, value: str) -> None:
    assert "must begin with" in refused(name, value)


@pytest.mark.parametrize("name", sorted(KEY_SETS))
@pytest.mark.parametrize(
    "value", ["{", "[]", '{"keys": []}', '{"keys": [{"kty": "OKP"}]}', '{"keys": [1]}']
)
def test_what_is_no_set_of_keys_stops_the_process_and_is_not_quoted(name: str, value: str) -> None:
    assert value not in refused(name, value).removesuffix('{"keys": [{"kty": …, "kid": …, …}]}')


@pytest.mark.parametrize("name", sorted(SECRET_LISTS))
@pytest.mark.parametrize("value", ["secret", "a:c2hvcnQ", ":" + "A" * 43, "a:" + "A" * 43 + ",b"])
def test_what_is_no_list_of_secrets_stops_the_process_and_is_not_quoted(
    name: str, value: str
) -> None:
    assert value not in refused(name, value)


def test_a_database_that_is_not_postgresql_is_refused() -> None:
    assert "DATABASE_URL" in refused("database_url", "mysql://h/d")


def test_key_material_has_no_default() -> None:
    settings = Settings.from_env({})
    for name in KEY_SETS | SECRET_LISTS:
        with pytest.raises(SettingsError, match=rf"^{name.upper()} is not set"):
            settings.need(name)


def test_a_complete_set_of_keys_is_drawn_and_taken() -> None:
    drawn = fresh_keys()
    # Operators have names: who runs codec names them.
    assert {name.lower() for name in drawn} == (KEY_SETS | SECRET_LISTS) - {"codec_operators"}
    Settings.from_env(drawn)


CERTIFICATE = {"TEMPORAL_TLS_CLIENT_CERT_DATA": "a\nb", "TEMPORAL_TLS_CLIENT_KEY_DATA": "c"}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"TEMPORAL_API_KEY": "key"},
        CERTIFICATE,
        CERTIFICATE | {"TEMPORAL_TLS_SERVER_NAME": "n", "TEMPORAL_TLS_SERVER_CA_CERT_DATA": "d"},
        {"TEMPORAL_TLS": "true"},
        {"TEMPORAL_TLS": "false", "TEMPORAL_API_KEY": "key"},
    ],
)
def test_temporal_is_reached_as_its_own_tools_reach_it_by_the_same_variables(
    environ: dict[str, str],
) -> None:
    environ |= {"TEMPORAL_ADDRESS": "host:7233", "TEMPORAL_NAMESPACE": "name.account"}
    profile = ClientConfigProfile.load(disable_file=True, override_env_vars=environ)
    expected = profile.to_client_connect_config()
    settings = Settings.from_env(environ)
    assert settings.temporal_address == expected["target_host"]
    assert settings.temporal_namespace == expected["namespace"]
    assert (settings.temporal_api_key or None) == expected.get("api_key")
    secured = expected.get("tls") or False
    found = make_tls_config(settings)
    # An API key alone asks for TLS in both, there by `None`: the SDK's word for "as the key says".
    wanted = bool(secured) or ("TEMPORAL_API_KEY" in environ and "TEMPORAL_TLS" not in environ)
    assert bool(found) == wanted
    if isinstance(secured, TLSConfig) and isinstance(found, TLSConfig):
        assert found == secured


def test_line_breaks_of_certificates_may_come_escaped() -> None:
    escaped = {name: value.replace("\n", "\\n") for name, value in CERTIFICATE.items()}
    assert make_tls_config(Settings.from_env(escaped)) == make_tls_config(
        Settings.from_env(CERTIFICATE)
    )
