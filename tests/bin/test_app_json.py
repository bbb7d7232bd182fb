"""app.json says what the code needs: the processes of the Procfile, and settings that there are."""

import json

import pytest

from bin.devtools.stack.fresh_keys import fresh_keys
from bin.devtools.stack.platform import ROOT, procfile
from engine.config.settings import Settings

pytestmark = pytest.mark.unit


APP = json.loads((ROOT / "app.json").read_text())
HOOKS = {"release", "postdeploy"}  # the same step, by the names that hosts know


def test_every_process_of_the_procfile_has_its_place() -> None:
    assert APP["formation"].keys() == procfile().keys() - HOOKS
    idle = {name for name, process in APP["formation"].items() if not process["quantity"]}
    assert idle == {"codec"}, "it is off until somebody is to look"


def test_hooks_are_one_step() -> None:
    assert len({procfile()[name] for name in HOOKS}) == 1


def test_what_must_be_set_is_all_key_material_and_where_temporal_is() -> None:
    required_names = {name for name, entry in APP["env"].items() if entry.get("required")}
    assert required_names == fresh_keys().keys() | {"TEMPORAL_ADDRESS"}
    assert not any("value" in APP["env"][name] for name in required_names), (
        "nothing that is secret has a default"
    )


def test_the_host_draws_what_needs_no_form() -> None:
    generated_names = {
        name for name, entry in APP["env"].items() if entry.get("generator") == "secret"
    }
    assert generated_names == {"METRICS_TOKEN"}, (
        "keys have a form, by which they are told apart and exchanged"
    )


def test_what_is_named_is_known_described_and_good() -> None:
    assert {name.lower() for name in APP["env"]} <= Settings.__dataclass_fields__.keys()
    assert all(entry["description"] for entry in APP["env"].values())
    Settings.from_env(
        {name: entry["value"] for name, entry in APP["env"].items() if "value" in entry}
    )
