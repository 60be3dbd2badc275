"""The site's pages of commands and keys tell of every one, as the program itself does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from fasterseg.reference.keys import keys_of
from fasterseg.reference.schemas import FileKind
from fasterseg.verbs import VERBS

PLACE = Path(__file__).parents[2] / "docs" / "generating" / "reference_pages.py"


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    """The script that writes the pages."""
    spec = importlib.util.spec_from_file_location("reference_pages", PLACE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_command_has_its_options_and_its_example(pages: ModuleType) -> None:
    page = pages.commands_page()
    for verb in VERBS:
        assert f"## fasterseg {verb.name}\n" in page
        assert re.search(rf"^```console\nfasterseg {verb.name}\b.*\n```$", page, re.MULTILINE)
    assert page.count("For example:\n\n```console\n") == len(VERBS)
    assert page.count("**Common**") == len(VERBS)


@pytest.mark.parametrize("kind", ["recipe", "data", "teacher"])
def test_every_key_stands_on_its_page(pages: ModuleType, kind: FileKind) -> None:
    page = pages.keys_page(kind)
    for key in keys_of(kind):
        if not key.is_earlier:
            assert f"## {key.name}\n" in page if key.is_section else f"| `{key.last}` |" in page


def test_every_link_of_a_page_has_its_heading(pages: ModuleType) -> None:
    page = pages.keys_page("recipe")
    headings = {line[3:].replace(".", "") for line in page.splitlines() if line.startswith("## ")}
    assert {*re.findall(r"\]\(#([^)]+)\)", page)} <= headings


def test_rows_have_the_cells_of_their_table(pages: ModuleType) -> None:
    rows = [line for line in pages.keys_page("recipe").splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}
