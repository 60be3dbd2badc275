"""The site: every page can be reached, every link leads somewhere, nothing is fetched."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import fasterseg
from fasterseg.config.named_recipes import named_recipes

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)]+)\)")


@pytest.fixture(scope="module")
def project_pages() -> ModuleType:
    """What makes pages of the texts at the top."""
    spec = spec_from_file_location("project_pages", DOCS / "generating" / "project_pages.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written() -> list[Path]:
    """The pages that are written by hand."""
    made = {DOCS / "project", DOCS / "generating"}
    pages = (page for page in DOCS.rglob("*.md") if not is_of_the_code(page))
    return sorted(page for page in pages if page.parent not in made)


def is_of_the_code(page: Path) -> bool:
    """Whether a page is made from the code, with every build."""
    return page.name.startswith("generated-")


def places_in(entry: object) -> Iterator[str]:
    """The paths that a navigation names."""
    if isinstance(entry, str):
        yield entry
    elif isinstance(entry, dict):
        for inner in entry.values():
            yield from places_in(inner)
    elif isinstance(entry, list):
        for inner in entry:
            yield from places_in(inner)


def in_navigation(folder: Path, project_pages: ModuleType) -> set[Path]:
    """The pages that a folder's own navigation leads to; all of it where it has none."""
    summary = folder / "SUMMARY.md"
    if not summary.is_file():
        return set(folder.glob("*.md"))
    lines = summary.read_text("utf-8")
    named = [line.removeprefix("* ") for line in lines.splitlines() if line.startswith("* *")]
    found = {page for pattern in named for page in folder.glob(pattern)}
    for target in LINK.findall(lines):
        place = (folder / target).resolve()
        found |= in_navigation(place, project_pages) if target.endswith("/") else {place}
    return found


def test_every_page_is_in_the_navigation_and_every_place_of_it_is_there(
    project_pages: ModuleType,
) -> None:
    described = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    reached: set[Path] = set()
    for place in places_in(described["nav"]):
        path = DOCS / place
        reached |= in_navigation(path, project_pages) if place.endswith("/") else {path}
    pages = {page for page in written() if page.name != "SUMMARY.md"}
    assert pages - reached == set()
    made = {DOCS / place for place in project_pages.project_pages()}
    absent = {page for page in reached if not page.exists() and not is_of_the_code(page)}
    assert absent - made == set()


@pytest.mark.parametrize("page", written(), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_links_of_a_page_lead_to_pages_and_pictures(
    page: Path, project_pages: ModuleType
) -> None:
    made = {DOCS / place for place in project_pages.project_pages()}
    for target in LINK.findall(
        re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    ):
        if re.match(r"[a-z]+:|#", target) or target.startswith("*"):
            continue
        assert not re.search(r"\s", target), f"a link's place stands on one line: {target!r}"
        place = (page.parent / target.partition("#")[0]).resolve()
        assert place.is_relative_to(DOCS), f"{target} is no page of the site"
        assert place in made or is_of_the_code(place) or place.exists(), target


def test_texts_at_the_top_become_pages_whose_links_lead_on_the_site(
    project_pages: ModuleType,
) -> None:
    on = project_pages.LINK.sub
    told = on(
        project_pages._on_the_site,
        "[a](docs/data.md#b) [c](SECURITY.md) [d](https://x.org) [e](benchmarks/tail.py) [f](#g)",
    )
    assert told == "[a](../data.md#b) [c](security.md) [d](https://x.org) e [f](#g)"
    for place, text in project_pages.project_pages().items():
        assert text.startswith("# "), place


def test_the_page_of_python_has_every_public_name() -> None:
    told = (DOCS / "reference" / "python.md").read_text("utf-8")
    assert [name for name in fasterseg.__all__ if f"::: fasterseg.{name}\n" not in told] == []


def test_the_page_of_recipes_names_each() -> None:
    told = (DOCS / "how-to" / "recipes.md").read_text("utf-8")
    assert [name for name in named_recipes() if f"`{name}`" not in told] == []


def test_the_site_fetches_nothing_from_elsewhere() -> None:
    described = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    assert described["theme"]["font"] is False
    assert "extra_javascript" not in described


@pytest.mark.slow
def test_the_site_is_built_strictly(tmp_path: Path) -> None:
    pytest.importorskip("zensical", reason="the extra 'docs' is not installed")
    pytest.importorskip("mkdocstrings", reason="the extra 'docs' is not installed")
    for name in ("docs", "src", "mkdocs.yml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    for text in ROOT.glob("*.md"):
        shutil.copy(text, tmp_path)
    for name in ("LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, tmp_path)
    subprocess.run([sys.executable, "docs/generating"], cwd=tmp_path, check=True)
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    page = (tmp_path / "site" / "reference" / "python.html").read_text("utf-8")
    assert "load_model" in page and "Segmentation" in page
    for page in (tmp_path / "site").rglob("*.html"):
        assert not re.search(
            r'<(script|link|img)[^>]*(src|href)="?https?:', page.read_text("utf-8")
        )
