"""What the project promises about itself: its first lines, its pins, its licence."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import fasterseg

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9.!]+)")
UNPINNED_EXTRAS = {"openvino", "fast", "cuda"}  # not installed where tests run
IMPORTED_AS = {
    "google_re2": "re2",
    "alembic": "mlflow",  # whose database it is for, as sqlalchemy
    "mlflow_skinny": "mlflow",
    "nvidia_ml_py": "pynvml",
    "onnxruntime_gpu": "onnxruntime",
    "opencv_python_headless": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "sqlalchemy": "mlflow",
}
BROUGHT_BY = {"markupsafe": "jinja2", "pydantic_core": "pydantic"}
"""What is imported beside a library that cannot be without it."""
TOOLS = ("dev", "docs", "release")
"""Extras of those who work on the project: programs that are started, not libraries."""
READ_AS_FILES = ("pretrained",)
"""Extras whose packages are never imported: they hold files."""


def text_of(name: str) -> str:
    """Return a file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def canonical(name: str) -> str:
    """Return a distribution's name in the one form that compares equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The project's own description."""
    return tomllib.loads(text_of("pyproject.toml"))


@pytest.fixture(scope="module")
def pins() -> set[str]:
    """The names of all pinned distributions; every line must be such a pin."""
    lines = [line for line in text_of("constraints.txt").splitlines() if not line.startswith("#")]
    found = [PINNED.fullmatch(line) for line in lines]
    bad = [line for line, match in zip(lines, found, strict=True) if match is None]
    assert bad == []
    return {canonical(match["name"]) for match in found if match}


def test_the_readme_begins_with_how_it_is_installed() -> None:
    first_block = text_of("README.md").split("```")[1]
    assert first_block.split()[:4] == ["shell", "pip", "install", "'fasterseg[onnx]'"]


def test_everything_that_is_required_is_pinned(project: dict[str, Any], pins: set[str]) -> None:
    described = project["project"]
    required = list(described["dependencies"])
    for extra, names in described["optional-dependencies"].items():
        required += [] if extra in UNPINNED_EXTRAS else names
    needed = {canonical(re.split(r"[<>=!~\[; ]", name)[0]) for name in required}
    assert needed - pins == set()


def module_of(requirement: str) -> str:
    """What a required distribution is imported as."""
    name = canonical(re.split(r"[<>=!~\[; ]", requirement)[0]).replace("-", "_")
    return IMPORTED_AS.get(name, name)


def imported() -> set[str]:
    """The libraries that the package imports, at the top of a file or inside a function."""
    trees = [ast.parse(path.read_text()) for path in Path(fasterseg.__file__).parent.rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    known = {*sys.stdlib_module_names, "fasterseg", "_typeshed"}
    return {name.partition(".")[0] for name in names} - known


def test_what_an_extra_installs_is_imported_somewhere(project: dict[str, Any]) -> None:
    used = imported()
    for extra, names in project["project"]["optional-dependencies"].items():
        for name in names if extra not in (*TOOLS, *READ_AS_FILES) else ():
            assert module_of(name) in used, f"{extra}: {name}"


def test_what_the_package_imports_is_required_or_in_an_extra(project: dict[str, Any]) -> None:
    described = project["project"]
    extras = described["optional-dependencies"]
    names = [one for extra, found in extras.items() if extra not in TOOLS for one in found]
    offered = {module_of(name) for name in (*described["dependencies"], *names)}
    assert {BROUGHT_BY.get(name, name) for name in imported()} - offered == set()


def test_every_file_of_the_package_goes_into_the_wheel(project: dict[str, Any]) -> None:
    source = Path(fasterseg.__file__).parent
    data = project["tool"]["setuptools"]["package-data"]
    taken = {
        file
        for package, patterns in data.items()
        for pattern in patterns
        for file in (source.parent / package.replace(".", "/")).glob(pattern)
    }
    files = {file for file in source.rglob("*") if file.is_file() and file.suffix != ".py"}
    assert {file for file in files - taken if "__pycache__" not in file.parts} == set()
    assert [
        folder
        for folder in (file.parent for file in source.rglob("*.py") if file not in taken)
        if not (folder / "__init__.py").is_file()
    ] == []


def test_nothing_under_a_licence_that_forbids_closed_use_is_required(pins: set[str]) -> None:
    assert pins.isdisjoint({"ultralytics", "albumentationsx", "lightly-train"})


def test_nothing_that_needs_torchvision_is_required(pins: set[str]) -> None:
    assert pins.isdisjoint({"torchvision", "timm", "segmentation-models-pytorch"})


def test_the_citation_names_this_version_and_the_paper() -> None:
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert citation["version"] == fasterseg.__version__
    assert citation["preferred-citation"]["title"].startswith("FasterSeg: Searching for Faster")
    assert len(citation["preferred-citation"]["authors"]) == 6


def test_the_readme_quotes_no_difference_of_a_study_that_could_not_see_it() -> None:
    study = text_of("docs/studies/street-ablations.md").partition("Paired differences")[2]
    differences = set(re.findall(r"[+-]\d+\.\d\d", study.partition("## ")[0]))
    assert len(differences) == 12
    shown = set(re.findall(r"[+-]\d+\.\d+", text_of("README.md")))
    assert shown & (differences | {f"{float(one):+.1f}" for one in differences}) == set()


def test_every_room_is_told_in_the_architecture() -> None:
    source = ROOT / "src" / "fasterseg"
    rooms = {
        path.stem
        for path in source.iterdir()
        if path.is_dir() or (path.suffix == ".py" and path.name != "__init__.py")
    } - {"__pycache__"}
    table = text_of("ARCHITECTURE.md").partition("## The rooms")[2]
    assert {room for room in rooms if f"`{room}`" not in table} == set()


@pytest.mark.parametrize(
    "target", ["demo", "test", "test-all", "check", "bench", "docs", "dist", "dist-test", "gpu"]
)
def test_every_make_target_exists_and_is_explained(target: str) -> None:
    makefile = text_of("Makefile")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert f"make {target} " in makefile


def test_continuous_integration_runs_what_a_change_must_pass() -> None:
    phases = re.findall(r"^phase (.*)$", text_of(".ci/run"), re.MULTILINE)
    *told, devices = phases
    assert told == ["make check", "make test", "make docs", "make dist", "make demo"]
    _, tests = devices.split(" -m slow ")
    assert [path for path in tests.split() if not (ROOT / path).exists()] == []
