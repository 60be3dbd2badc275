"""Whatever path a user gives, to whichever command: told in four parts, before any work."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from fasterseg import cli, errors
from fasterseg.console.options import CommonOptions

SHIPPED = "camvid-8ms"
pytestmark = pytest.mark.usefixtures("shipped_models")
ARCH = "--arch=arch_1.pt"

WRITTEN: dict[str, tuple[list[str], list[str]]] = {
    # The verb: what it is called with, and the options that name what it writes.
    "benchmark": ([SHIPPED, "--quick"], ["--out"]),
    "draw": ([SHIPPED], ["--out"]),
    "evaluate": ([SHIPPED, "--data", "street"], ["--out"]),
    "export": ([SHIPPED], ["--out"]),
    "import-official": ([ARCH], ["--out"]),
    "init": (["export"], ["--out"]),
    "kit pack": (["--networks", SHIPPED], ["--out", "--run"]),
    "plan": ([], ["--run"]),
    "predict": ([SHIPPED, "image.png"], ["--out"]),
    "profile": ([], ["--run"]),
    "report": ([SHIPPED], ["--out"]),
    "run": ([], ["--run"]),
    "search": ([], ["--run"]),
    "split": (["export"], ["--out"]),
    "train": ([], ["--run"]),
    "verify": (["x.onnx", "--against", SHIPPED], ["--out"]),
}
WRITES_FOLDERS = ("benchmark", "import-official", "init", "kit pack", "predict", "split")
READ: dict[str, tuple[list[str], list[str]]] = {
    # The verb: what it is called with, and the options that name what it reads; "" is an argument.
    "benchmark": (["--quick"], [""]),
    "check-data": ([], [""]),
    "describe": ([], [""]),
    "draw": ([], [""]),
    "evaluate": (["--data", "street"], [""]),
    "export": ([], [""]),
    "import-official": (["--out", "out"], ["--arch", "--table"]),
    "init": ([], [""]),
    "kit pack": ([], ["--networks", "--data", "--recipe"]),
    "kit read": ([], ["", "--kit"]),
    "plan": ([], ["--data", "--recipe"]),
    "profile": ([], ["--data", "--recipe"]),
    "recipe": ([], ["--recipe", "--run"]),
    "report": ([], [""]),
    "run": ([], ["--data", "--recipe"]),
    "search": ([], ["--data", "--recipe"]),
    "split": ([], [""]),
    "train": ([], ["--data", "--recipe"]),
    "verify": (["--against", SHIPPED], [""]),
}
READS_MORE = [
    ["describe", SHIPPED, "--table"],
    ["evaluate", SHIPPED, "--run"],
    ["import-official", "--out", "out", ARCH, "--weights"],
    ["predict"],
    ["report", "--run"],
    ["train", "student", "--architecture"],
    ["train", "student", "--teacher"],
    ["verify", "x.onnx", "--against"],
]

NEVER_WRITTEN = {
    "under a file": "a-file/below",
    "of a user who is not known": "~nobody-of-this-name/x",
    "that is an address": "https://host/x.zip",
    "of 300 letters": "n" * 300,
    "of 5,000 letters": "/".join(["n" * 99] * 50),
    "that leads to itself": "loop/x",
}
TOO_LONG_FOR_A_FILE = "n" * 245 + ".onnx"
"""As long as a folder may be called; what a file is called while it is written is longer."""

NEVER_READ = {
    **NEVER_WRITTEN,
    "of 245 letters and an ending": TOO_LONG_FOR_A_FILE,
    "that is a folder": "a-folder",
    "that is an empty file": "a-file",
    "that leads nowhere": "dangling",
    "that leads to itself": "loop",
}
FEW = ("of a user who is not known", "that is an address", "of 300 letters", "that is a folder")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the things that paths stumble over."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("a-file", "image.png", "x.onnx", "arch_1.pt"):
        Path(name).touch()
    Path("a-folder").mkdir()
    Path("dangling").symlink_to("absent")
    Path("loop").symlink_to("loop")
    yield tmp_path


def told(
    words: list[str], capsys: pytest.CaptureFixture[str], *, at_work: bool = False
) -> dict[str, str]:
    """The failure that a command tells, before it begins to work unless it may be `at_work`."""
    capsys.readouterr()
    code = cli.main([*words, "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line[0] == "{"]
    *before, failure = lines
    assert failure["event"] == "error", lines
    assert at_work or not before, "it began to work"
    assert failure["exit_code"] == code
    assert all(failure[part] for part in ("what", "where", "why", "next")), failure
    return failure


def with_path(words: list[str], option: str, path: str) -> list[str]:
    return [*words, *([option] if option else []), path]


def written() -> list[tuple[str, str]]:
    return [(verb, option) for verb, (_, options) in WRITTEN.items() for option in options]


@pytest.mark.parametrize("path", NEVER_WRITTEN.values(), ids=NEVER_WRITTEN)
@pytest.mark.parametrize(("verb", "option"), written())
def test_what_cannot_be_written_is_told_before_the_work(
    verb: str, option: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = told([*verb.split(), *with_path(WRITTEN[verb][0], option, path)], capsys)
    assert failure["exit_code"] in (2, 4), failure
    assert failure["what"].startswith("this is an address") == ("://" in path)
    assert not Path("runs").exists()


@pytest.mark.parametrize(("verb", "option"), written())
def test_a_file_where_a_folder_is_wanted_is_told_and_the_other_way_round(
    verb: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wants_folder = option == "--run" or verb in WRITES_FOLDERS
    if verb == "verify":
        pytest.skip("its reports may lie in a folder, or be named after a file")
    path = "a-file" if wants_folder else "a-folder"
    failure = told([*verb.split(), *with_path(WRITTEN[verb][0], option, path)], capsys)
    assert failure["exit_code"] == 2, failure
    assert path in failure["where"]


@pytest.mark.parametrize(("verb", "option"), written())
def test_a_file_of_too_long_a_name_is_told_before_the_work(
    verb: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if option == "--run" or verb in WRITES_FOLDERS:
        pytest.skip("a folder may be called so")
    words = with_path(WRITTEN[verb][0], option, TOO_LONG_FOR_A_FILE)
    failure = told([*verb.split(), *words], capsys)
    assert failure["exit_code"] == 2, failure


def read() -> Iterator[object]:
    """Each command that reads something, up to the path; a plan reads in a process of its own."""
    for verb, (words, options) in READ.items():
        for option in options:
            slow = (pytest.mark.slow,) if verb == "plan" else ()
            typed = [*verb.split(), *words, *filter(None, [option])]
            yield pytest.param(typed, marks=slow, id=" ".join(typed))
    yield from (pytest.param(words, id=" ".join(words)) for words in READS_MORE)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=name, marks=() if name in FEW else (pytest.mark.slow,))
        for name, path in NEVER_READ.items()
    ],
)
@pytest.mark.parametrize("words", list(read()))
def test_what_cannot_be_read_is_told_and_is_no_bug(
    words: list[str], path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["image.png"] if words == ["predict"] else []
    reads_data = words[0] == "check-data" or words[-1] in ("--data", "--teacher", "--architecture")
    failure = told([*words, path, *more], capsys, at_work=reads_data)
    assert failure["exit_code"] in (2, 3, 4), failure
    if "://" in path and words[:2] != ["kit", "read"]:  # which asks for its file first
        assert failure["what"].startswith("this is an address"), failure


def test_every_command_that_names_a_path_is_among_these() -> None:
    shared = set(CommonOptions.__annotations__)
    for verb in cli.VERBS:
        module = import_module(f"fasterseg.commands.{verb.function}")
        function = getattr(module, verb.function)
        named = set(inspect.signature(function).parameters) - shared
        asked = {o.removeprefix("--") for o in WRITTEN.get(verb.name, ([], []))[1]}
        assert "out" not in named or "out" in asked, verb.name
        assert verb.name in {*READ, "predict", "doctor", "schema"}


def test_the_python_face_is_told_the_same() -> None:
    import fasterseg

    for path in ("a-file", "~nobody-of-this-name", "n" * 300):
        with pytest.raises(errors.UsageError):
            fasterseg.predict(SHIPPED, "image.png", out=path)
        with pytest.raises(errors.UsageError):
            fasterseg.plan(run=path)
    with pytest.raises(errors.UsageError):
        fasterseg.draw(SHIPPED, out="x\0y")


def test_a_file_by_its_address_is_answered_with_its_path(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = told(["draw", f"file://{here}/a%20b"], capsys)
    assert failure["next"] == f"name {here}/a b"
