"""Build fasterseg and fasterseg-models as they are released, and check what came out.

    python packages/release.py --out dist [--repository https://HOST/OWNER/NAME]

Both are built from a copy of the project, so that nothing of an earlier build gets in: an sdist,
and the wheel from that sdist. twine and check-wheel-contents look at them, and sizes are printed:
the wheel of fasterseg holds code and texts alone, and stays small.

Pictures and links of a README are relative in the project. Where it is published is known to
whoever releases: with --repository they name that place in the released README, at the tag of the
version, and the project's links on the index do too.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
MODELS = Path("packages", "fasterseg-models")
MOST_BYTES = 2_000_000
"""Of the wheel of fasterseg, which is code and texts."""
MOST_BYTES_OF_A_FILE = 200_000
"""Of one file in it, unpacked: a network is larger, and so is a table that belongs elsewhere."""
MADE_HERE = ("build", "dist", "runs", "site")
MADE_ANYWHERE = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.pyc")
# What stands before a link's target, and the target; a picture's text has no picture in it.
PICTURE = re.compile(r"(?P<text>!\[[^\]]*\])\((?P<target>[^)\s]+)\)")
LINK = re.compile(r"(?P<text>(?<!!)\[(?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*\])\((?P<target>[^)\s]+)\)")


def absolute_links(text: str, address: str, *, tag: str, folder: str = "") -> str:
    """A README whose relative links name files of a repository at a tag, and pictures raw ones.

    `folder` is where in the repository the README lies.
    """

    def absolute(link: re.Match[str], kind: str) -> str:
        target = link["target"]
        known = re.match(r"[a-z]+:|#", target)
        return link[0] if known else f"{link['text']}({address}/{kind}/{tag}/{folder}{target})"

    text = PICTURE.sub(lambda found: absolute(found, "raw"), text)
    return LINK.sub(lambda found: absolute(found, "blob"), text)


def targets(text: str) -> list[str]:
    """What the links and pictures of a README lead to."""
    return [found["target"] for kind in (PICTURE, LINK) for found in kind.finditer(text)]


def urls(address: str) -> str:
    """The lines of ``[project.urls]`` that say where a project is published."""
    places = {"Repository": "", "Changelog": "/blob/HEAD/CHANGELOG.md", "Issues": "/issues"}
    return "".join(f'{name} = "{address}{place}"\n' for name, place in places.items())


def stamp(project: Path, address: str, *, folder: str = "") -> None:
    """Write where it is published into a copy of a project: its README and its own description."""
    file, readme = project / "pyproject.toml", project / "README.md"
    tag = f"v{_version(project)}"
    text = absolute_links(readme.read_text("utf-8"), address, tag=tag, folder=folder)
    readme.write_text(text, encoding="utf-8")
    table = "[project.urls]\n"
    described = file.read_text("utf-8")
    if table not in described:
        described += f"\n{table}"
    file.write_text(described.replace(table, table + urls(address)), encoding="utf-8")


def _version(project: Path) -> str:
    described = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    if "version" in described:
        return str(described["version"])
    source = (project / "src" / "fasterseg" / "version.py").read_text("utf-8")
    found = re.search(r'__version__ = "([^"]+)"', source)
    assert found is not None
    return found[1]


def build(out: Path, address: str) -> list[Path]:
    """Build both packages into a folder; return their four files."""
    with TemporaryDirectory() as place:
        copy = Path(place) / "fasterseg"
        shutil.copytree(ROOT, copy, ignore=_made)
        for project in (copy, copy / MODELS):
            if not project.is_dir():
                continue  # an sdist of fasterseg has no models
            if address:
                inside = project.relative_to(copy).as_posix()
                stamp(project, address, folder="" if inside == "." else f"{inside}/")
            _run("build", "--quiet", "--outdir", str(out), str(project))
    return sorted([*out.glob("*.whl"), *out.glob("*.tar.gz")])


def _made(folder: str, names: list[str]) -> set[str]:
    """What does not belong to the project: hidden folders but for .ci, and what was built in it."""
    made = set(MADE_ANYWHERE(folder, names))
    if Path(folder) == ROOT:
        made |= {one for one in names if one in MADE_HERE or (one[0] == "." and one != ".ci")}
    return made


def main(tokens: Sequence[str] | None = None) -> int:
    """Build and check; return 1 where something is in the wheel that must not be."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--out", type=Path, default=ROOT / "dist")
    words.add_argument("--repository", default="", help="https://HOST/OWNER/NAME, where it is")
    asked = words.parse_args(tokens)
    shutil.rmtree(asked.out, ignore_errors=True)
    files = build(asked.out, asked.repository.rstrip("/"))
    _run("twine", "check", "--strict", *map(str, files))
    _run("check_wheel_contents", *(str(file) for file in files if file.suffix == ".whl"))
    for file in files:
        print(f"{file.stat().st_size:>10,} bytes  {file.name}")
    if not asked.repository:
        print("Links and pictures of the READMEs are relative: for an index name --repository.")
    (wheel,) = asked.out.glob("fasterseg-*.whl")
    wrong = faults(wheel)
    for fault in wrong:
        print(f"{wheel.name}: {fault}", file=sys.stderr)
    return 1 if wrong else 0


def faults(wheel: Path) -> list[str]:
    """What must not be in the wheel of fasterseg: files that are no text, large ones, too many."""
    found = []
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if member.file_size > MOST_BYTES_OF_A_FILE:
                found.append(f"{member.filename} has {member.file_size:,} bytes")
            elif not _is_text(archive.read(member)):
                found.append(f"{member.filename} is no text")
    if (size := wheel.stat().st_size) > MOST_BYTES:
        found.append(f"{size:,} bytes, {MOST_BYTES:,} is the most")
    return found


def _is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


def _run(module: str, *words: str) -> None:
    subprocess.run([sys.executable, "-m", module, *words], check=True)


if __name__ == "__main__":
    sys.exit(main())
