"""A page's folder: what it holds, how large it is, and how a change in it is noticed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tiny_export import FORM, SOURCE, faithful, origin

from fasterseg.artifacts import digest_of_bytes, digest_of_file
from fasterseg.deploy.runtimes.web_runtime import DIGESTS, PAGE_SCRIPTS, WebRuntime
from fasterseg.deploy.shipping.web_page import (
    INDEX,
    LICENCES,
    NETWORK,
    PAGE,
    Promised,
    WebPage,
    is_page,
    network_of_page,
    write_page,
)
from fasterseg.errors import FileError, UsageError
from fasterseg.pipeline.models.web_pages import place_for_page, promised_of

RUNTIME = WebRuntime({name: name.encode() for name in DIGESTS})


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page around the small network, with a runtime that is none."""
    card = origin().card_like(FORM)
    (tmp_path / NETWORK).write_bytes(faithful())
    samples = {"</script> & one": SOURCE.sample("test", 0).image}
    promised = Promised(12.5, "Promised elsewhere.", threads=2)
    write_page(tmp_path, card, promised, samples=samples, runtime=RUNTIME)
    return tmp_path


def told_in(page: Path, name: str) -> object:
    """What a script of data tells the page."""
    text = (page / f"{name}.js").read_text()
    return json.loads(text.partition(f"{name}: ")[2].rstrip().removesuffix("};"))


def test_a_page_holds_the_very_file_and_all_that_it_loads(page: Path) -> None:
    assert (page / NETWORK).read_bytes() == faithful()
    html = (page / INDEX).read_text()
    loaded = re.findall(r'(?:src|href)="([^#"]+)"', html)
    assert {one for one in loaded if one != "data:,"} <= {file.name for file in page.iterdir()}
    assert {*PAGE_SCRIPTS, "about.js", "samples.js", "page.css", LICENCES} <= {*loaded}
    about = told_in(page, "about")
    assert isinstance(about, dict)
    assert about["digest"] == digest_of_bytes(faithful())
    assert about["names"] == [*SOURCE.label_space.names]
    assert (about["promisedMs"], about["promisedHere"], about["threads"]) == (12.5, True, 2)


def test_what_a_page_is_told_cannot_end_a_script(page: Path) -> None:
    text = (page / "samples.js").read_text()
    assert "</script>" not in text
    samples = told_in(page, "samples")
    assert isinstance(samples, list) and samples[0]["name"] == "</script> & one"


def test_a_page_s_policy_lets_nothing_out(page: Path) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', (page / INDEX).read_text())
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self' blob:"
    assert not any(
        "http" in rule or "*" in rule or "unsafe-inline" in rule for rule in rules.values()
    )


def test_licences_of_the_runtime_and_terms_of_the_weights_lie_in_it(page: Path) -> None:
    text = (page / LICENCES).read_text(encoding="utf-8")
    assert "made up" in text, "the terms of the weights"
    assert "MIT License" in text
    assert "Microsoft Corporation" in text
    assert "Apache License" in text


def test_a_change_anywhere_in_the_folder_is_told(page: Path) -> None:
    assert network_of_page(page) == page / NETWORK
    for name in WebPage.load(page / PAGE).files:
        kept = (page / name).read_bytes()
        (page / name).write_bytes(kept + b" ")
        with pytest.raises(FileError, match="changed after it was written") as told:
            network_of_page(page)
        assert told.value.where == str(page / name)
        (page / name).write_bytes(kept)
    (page / NETWORK).unlink()
    with pytest.raises(FileError, match="changed after it was written"):
        network_of_page(page)


@pytest.mark.parametrize("name", ["../outside.js", "/etc/passwd", "a/b.js", ""])
def test_a_page_names_no_file_elsewhere(page: Path, name: str) -> None:
    known = WebPage.load(page / PAGE).model_dump()
    with pytest.raises(ValueError, match="files"):
        WebPage.model_validate(known | {"files": {name: digest_of_file(page / INDEX)}})


def test_a_folder_that_holds_something_else_is_left_alone(page: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a page in this folder already"):
        place_for_page(page, overwrite=False)
    assert place_for_page(page, overwrite=True) == page
    (page / PAGE).unlink()
    assert not is_page(page)
    with pytest.raises(UsageError, match="something else"):
        place_for_page(page, overwrite=True)
    assert place_for_page(tmp_path / "new", overwrite=False) == tmp_path / "new"


def test_a_model_by_name_has_its_budget_as_a_promise_of_another_target() -> None:
    pytest.importorskip("fasterseg_models")
    promised = promised_of("camvid-8ms")
    assert promised.ms == 8.0
    assert promised.threads is None, "it holds for no browser"
    assert "onnxruntime, 2 threads, images of 360x480" in promised.text
