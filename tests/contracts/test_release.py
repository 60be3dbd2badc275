"""What is released says where it is published, and its links lead somewhere."""

from __future__ import annotations

import re
import shutil
import tomllib
import zipfile
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


def test_a_wheel_of_code_and_texts_is_released(release: ModuleType, tmp_path: Path) -> None:
    wheel = tmp_path / "fasterseg-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fasterseg/a.py", "A = 'ä'\n" * 20_000)
    assert release.faults(wheel) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\3\4\0\0", "fasterseg/a is no text"),
        (b"\xff\xfe", "fasterseg/a is no text"),
        (b"1\n" * 100_001, "fasterseg/a has 200,002 bytes"),
    ],
)
def test_what_is_no_code_is_kept_out_of_a_wheel(
    content: bytes, says: str, release: ModuleType, tmp_path: Path
) -> None:
    wheel = tmp_path / "fasterseg-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fasterseg/a", content)
    assert release.faults(wheel) == [says]


def test_a_wheel_may_not_grow_without_end(
    release: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "fasterseg-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("fasterseg/a.py", "A = 1\n")
    size = wheel.stat().st_size
    monkeypatch.setattr(release, "MOST_BYTES", size - 1)
    assert release.faults(wheel) == [f"{size:,} bytes, {size - 1:,} is the most"]
