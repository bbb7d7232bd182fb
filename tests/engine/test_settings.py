import pytest

from engine.settings import Settings, SettingsError


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_the_database_urls_that_hosts_hand_out_name_the_driver_in_use(scheme: str) -> None:
    settings = Settings.from_env({"DATABASE_URL": f"{scheme}://u:p@h:5432/d"})
    assert settings.database_url == "postgresql+psycopg://u:p@h:5432/d"


def test_a_malformed_number_stops_the_process_by_the_name_of_its_variable() -> None:
    with pytest.raises(SettingsError, match=r"^PORT must be a int, not 'eighty'"):
        Settings.from_env({"PORT": "eighty"})


def test_a_database_that_is_not_postgresql_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL"):
        Settings.from_env({"DATABASE_URL": "mysql://h/d"})


def test_key_material_has_no_default() -> None:
    with pytest.raises(SettingsError, match=r"^ACCESS_TOKEN_KEYS is not set"):
        Settings.from_env({}).need("access_token_keys")
