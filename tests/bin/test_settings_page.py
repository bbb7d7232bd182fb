"""The page of settings says what the code reads, of every setting once."""

from collections import Counter
from dataclasses import fields

import pytest

from bin.devtools.docs.settings_page import PAGE, page
from bin.devtools.docs.settings_texts import GROUPS
from engine.config.settings import Settings

pytestmark = pytest.mark.unit


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "python -m bin.devtools.docs.settings_page writes it"


def test_every_setting_has_its_words_once() -> None:
    counts = Counter(name for rows in GROUPS.values() for name in rows)
    assert counts == Counter(field.name for field in fields(Settings))
