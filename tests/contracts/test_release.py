"""What is released says where it is published, and its links lead somewhere."""

from __future__ import annotations

import re
import shutil
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
READMES = [
    file
    for file in (ROOT / "README.md", ROOT / "packages" / "fasterseg-models" / "README.md")
    if file.is_file()  # an sdist has no models
]


@pytest.fixture(scope="module")
def release() -> ModuleType:
    """The script that builds both packages."""
    spec = spec_from_file_location("release", ROOT / "packages" / "release.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_what_a_readme_links_to_is_there(readme: Path, release: ModuleType) -> None:
    targets = release.targets(readme.read_text("utf-8"))
    own = [one.partition("#")[0] for one in targets if not re.match(r"[a-z]+:|#", one)]
    assert own
    assert [one for one in own if not (readme.parent / one).exists()] == []


def test_links_of_a_released_readme_name_the_files_of_its_version(release: ModuleType) -> None:
    text = "![a](docs/a.png) [b](docs/b.md#c) [d](https://x.org/e) [f](#g) [![h](i.svg)](j.md)"
    assert release.absolute_links(text, "https://h/o/n", tag="v1", folder="p/").split(" ") == [
        "![a](https://h/o/n/raw/v1/p/docs/a.png)",
        "[b](https://h/o/n/blob/v1/p/docs/b.md#c)",
        "[d](https://x.org/e)",
        "[f](#g)",
        "[![h](https://h/o/n/raw/v1/p/i.svg)](https://h/o/n/blob/v1/p/j.md)",
    ]


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_a_released_project_says_where_it_is_published(
    readme: Path, release: ModuleType, tmp_path: Path
) -> None:
    for name in ("README.md", "pyproject.toml", "src/fasterseg/version.py"):
        if (readme.parent / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(readme.parent / name, tmp_path / name)
    release.stamp(tmp_path, "https://h/o/n")
    described = tomllib.loads((tmp_path / "pyproject.toml").read_text("utf-8"))["project"]
    assert described["urls"]["Repository"] == "https://h/o/n"
    targets = release.targets((tmp_path / "README.md").read_text("utf-8"))
    assert [one for one in targets if not re.match(r"https?:|#", one)] == []


def test_only_the_project_is_copied(release: ModuleType) -> None:
    assert release._made(str(ROOT), ["src", ".git", ".venv", ".ci", "dist", "README.md"]) == {
        ".git",
        ".venv",
        "dist",
    }
    assert release._made(str(ROOT / "src"), ["dist", "a.egg-info", "b.pyc"]) == {
        "a.egg-info",
        "b.pyc",
    }
