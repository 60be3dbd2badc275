"""The notebooks: sound files without outputs, whose names exist, and which run from end to end."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

import fasterseg

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
PUBLIC_MODULES = {"fasterseg", "fasterseg.callbacks"}
CELL_SECONDS = 1500

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path: Path) -> list[dict[str, Any]]:
    """The cells as they are stored."""
    cells: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["cells"]
    return cells


def code_of(path: Path) -> ast.Module:
    """All code of a notebook, cell after cell."""
    cells = (cell for cell in cells_of(path) if cell["cell_type"] == "code")
    return ast.parse("\n".join("".join(cell["source"]) for cell in cells), path.name)


def imported_by(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Every module that is imported from, with the name, empty where it is the module itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def test_there_are_two_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["from-photos-to-network", "inside-a-search"]


@every_notebook
def test_a_notebook_is_valid_and_small(path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="the extra 'dev' is not installed")
    nbformat.validate(nbformat.read(path, as_version=nbformat.NO_CONVERT))
    assert path.stat().st_size < 200_000
    assert cells_of(path)[0]["source"][0].startswith("# ")


@every_notebook
def test_a_notebook_keeps_nothing_of_a_session(path: Path) -> None:
    for cell in cells_of(path):
        assert not cell.get("outputs") and not cell.get("execution_count"), cell["id"]
        assert not cell["metadata"], cell["id"]
    assert "/home/" not in path.read_text("utf-8") and "/Users/" not in path.read_text("utf-8")


@every_notebook
def test_a_notebook_takes_public_names_and_each_of_them_exists(path: Path) -> None:
    tree = code_of(path)
    for module, name in imported_by(tree):
        assert module.partition(".")[0] != "fasterseg" or module in PUBLIC_MODULES, module
        assert not name or hasattr(import_module(module), name), f"{module}.{name}"
    called = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "fasterseg"
    }
    assert called - {*fasterseg.__all__} == set()


@every_notebook
def test_a_notebook_becomes_a_page_with_all_its_code_that_leads_to_it(path: Path) -> None:
    spec = spec_from_file_location("notebook_pages", DOCS / "generating" / "notebook_pages.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.notebook_pages()[f"tutorials/generated-{path.stem}.md"]
    title, link, *_ = page.split("\n\n")
    assert title == cells_of(path)[0]["source"][0].strip()
    assert f"(../notebooks/{path.name})" in link
    assert all("".join(cell["source"]) in page for cell in cells_of(path)[1:])


@pytest.mark.slow
@pytest.mark.timeout(2 * CELL_SECONDS)
@every_notebook
def test_a_notebook_runs_from_end_to_end_in_a_kernel(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat = pytest.importorskip("nbformat", reason="the extra 'dev' is not installed")
    nbclient = pytest.importorskip("nbclient", reason="the extra 'dev' is not installed")
    pytest.importorskip("ipykernel", reason="the extra 'dev' is not installed")
    monkeypatch.setenv("FASTERSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    book = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(
        book, timeout=CELL_SECONDS, kernel_name="python3", resources=where
    ).execute()
    shown = {
        kind
        for cell in book.cells
        for out in cell.get("outputs", ())
        for kind in out.get("data", ())
    }
    assert "image/png" in shown
