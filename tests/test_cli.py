"""The command line: instant help, nearest matches, exit codes, and never a trace."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from verb_apps import app_of

from fasterseg import __version__, cli, errors
from fasterseg.console.failures import report_failure
from fasterseg.console.options import Common, CommonOptions, SharedOptions

SOURCE = Path(cli.__file__).parents[1]


def run_cli(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a fresh process."""
    command = [sys.executable, "-m", "fasterseg", *words]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=SOURCE, timeout=60, check=False
    )


def failing(error: BaseException) -> Callable[[], int]:
    """Return a command that fails with `error`."""

    def call() -> int:
        raise error

    return call


def test_help_names_each_verb_with_its_line() -> None:
    done = run_cli("--help")
    assert done.returncode == 0
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    for verb in cli.VERBS:
        assert f"{verb.name} {verb.line}" in lines


def test_the_package_runs_as_a_module() -> None:
    assert run_cli("--version").stdout == f"{__version__}\n"


def test_help_reads_neither_torch_nor_any_command() -> None:
    code = (
        "import sys; from fasterseg.cli import main; main(['--help']); "
        "print(sorted({'torch', 'cyclopts', 'fasterseg.commands'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=SOURCE,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("verb", cli.VERBS, ids=lambda verb: verb.name)
def test_every_verb_explains_its_options(
    verb: cli.Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*verb.words, "--help"]) == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize("verb", cli.VERBS, ids=lambda verb: verb.name)
def test_every_parameter_of_a_command_is_understood_by_the_command_line(verb: cli.Verb) -> None:
    app_of(verb).assemble_argument_collection()


def test_the_first_word_of_verbs_of_two_tells_of_all_of_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for words in (["kit"], ["kit", "--help"]):
        assert cli.main(words) == 0
        told = capsys.readouterr().out
        assert "kit pack  " in told
        assert "kit read  " in told
        assert "train" not in told
    assert cli.main(["kit", "pak"]) == 2
    assert "Did you mean 'kit pack'?" in capsys.readouterr().err


def test_a_verb_that_does_not_exist_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["trian"]) == 2
    assert "Did you mean 'train'?" in capsys.readouterr().err


def test_an_option_that_does_not_exist_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["doctor", "--jsn"]) == 2
    message = capsys.readouterr().err
    assert "--json" in message
    assert "next:  fasterseg doctor --help" in message


def test_a_file_that_is_called_like_an_option_is_told_how_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "-a b.mp4").touch()
    monkeypatch.chdir(tmp_path)
    assert cli.main(["predict", "net", "-a b.mp4"]) == 2
    assert "write './-a b.mp4'; else: fasterseg predict --help" in capsys.readouterr().err


def test_words_that_a_shell_made_of_a_pattern_are_told_as_such(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["predict", "net", "a.png", "b.png", "my photos"]) == 2
    told = capsys.readouterr().err
    assert "there is more than the command takes: b.png 'my photos'" in told
    assert "next:  put a pattern, or a name with blanks, in quotes; else: fasterseg pred" in told


def test_what_a_command_lacks_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", "a.onnx"]) == 2
    assert "verify needs --against, which is not there" in capsys.readouterr().err
    assert cli.main(["verify", "a.onnx", "--against"]) == 2
    assert "parameter --against requires an argument" in capsys.readouterr().err


def test_ctrl_c_within_a_command_is_told_with_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def pressed(_folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fasterseg.pipeline.diagnosing.diagnosed", pressed)
    assert cli.main(["doctor"]) == errors.Interrupted.exit_code
    assert "to resume: fasterseg doctor" in capsys.readouterr().err


def test_a_usage_error_is_one_json_object_when_json_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["doctor", "--nonsense", "--json"]) == 2
    told = json.loads(capsys.readouterr().err)
    assert (told["event"], told["kind"], told["exit_code"]) == ("error", "UsageError", 2)


@pytest.mark.parametrize(
    "kind",
    [
        errors.UsageError,
        errors.DataError,
        errors.FileError,
        errors.EnvironmentFault,
        errors.BudgetError,
        errors.VerificationError,
    ],
)
def test_a_foreseen_failure_is_told_in_four_parts_with_its_code(
    kind: type[errors.FastersegError], capsys: pytest.CaptureFixture[str]
) -> None:
    error = kind("it broke", where="here", why="it was old", next_step="buy another")
    assert cli.guarded(["train"], failing(error)) == kind.exit_code
    assert capsys.readouterr().err == f"{error}\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), errors.Interrupted("stopped by SIGTERM")])
def test_an_interruption_exits_with_seven_and_the_command_that_goes_on(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["search", "--run", "runs/my run"]
    assert cli.guarded(words, failing(error)) == 7
    assert "next:  to resume: fasterseg search --run 'runs/my run'" in capsys.readouterr().err


def test_an_interruption_that_names_an_option_keeps_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = errors.Interrupted("stopped", next_step="the same command with --overwrite")
    assert cli.guarded(["predict", "x", "clip.mp4"], failing(error)) == 7
    assert "next:  the same command with --overwrite" in capsys.readouterr().err


def test_a_bug_is_one_sentence_and_its_trace_lies_in_the_run_s_logs(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["search", "--run", str(run_folder)]
    assert cli.guarded(words, failing(RuntimeError("index 3 of 2"))) == 1
    message = capsys.readouterr().err
    (log,) = (run_folder / "logs").iterdir()
    assert message.startswith("This is a bug in fasterseg")
    assert str(log) in message
    assert "Traceback" not in message
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_a_bug_outside_any_run_is_written_into_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    absent = tmp_path / "absent"
    assert cli.guarded([f"--run={absent}"], failing(KeyError("x"))) == 1
    (log,) = tmp_path.iterdir()
    assert str(log) in capsys.readouterr().err


def test_a_missing_library_names_the_extra_that_brings_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrapped = ImportError("cannot import the command")
    wrapped.__cause__ = ModuleNotFoundError("No module named 'numba'", name="numba")
    assert cli.guarded(["predict"], failing(wrapped)) == 4
    assert "fasterseg[fast]" in capsys.readouterr().err


def test_a_missing_module_of_our_own_is_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    missing = ModuleNotFoundError("No module named 'fasterseg.x'", name="fasterseg.x")
    assert report_failure(missing, []) == 1


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "a.bin"),
        OSError(errno.EIO, "Input/output error", "a.bin"),
        OSError(errno.ESTALE, "Stale file handle", "a.bin"),
        OSError(errno.EMFILE, "Too many open files", "a.bin"),
        PermissionError(errno.EACCES, "denied", "a.bin"),
    ],
    ids=str,
)
def test_a_disk_that_refuses_is_the_machine_s_fault(
    error: OSError, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.guarded(["train"], failing(error)) == 4
    assert "where: a.bin" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("inline_container.cc: No space left on device"), "took no more"),
        (RuntimeError("Too many open files. Communication with the workers"), "ulimit -n"),
        (RuntimeError("can't start new thread"), "no room for another process"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory in /x"), "TMPDIR"),
        (ImportError("libfoo.so: cannot open", path="/lib/foo.so"), "/lib/foo.so"),
    ],
    ids=str,
)
def test_what_the_system_refused_to_a_library_is_no_bug(
    error: BaseException, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.guarded(["train"], failing(error)) == 4
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("number", [errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR])
def test_a_path_that_cannot_be_is_another_to_be_named(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.guarded(["train"], failing(OSError(number, os.strerror(number), "a.bin"))) == 2
    assert "where: a.bin" in capsys.readouterr().err


def test_a_bug_where_nothing_can_be_written_is_told_without_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    assert cli.guarded(["train"], failing(KeyError("x"))) == 1
    told = capsys.readouterr().err
    assert "could not be written anywhere" in told
    assert "Traceback" not in told


def test_too_little_memory_is_the_machine_s_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.guarded(["train"], failing(MemoryError())) == 4
    assert "memory" in capsys.readouterr().err


def test_the_common_options_and_their_values_have_the_same_names() -> None:
    both = {**CommonOptions.__annotations__, **SharedOptions.__annotations__}
    assert [*both, "host"] == list(Common.__dataclass_fields__)  # which is told as a device


def test_every_target_of_the_table_is_in_the_commands_room() -> None:
    for verb in cli.VERBS:
        module = import_module(f"fasterseg.commands.{verb.function}")
        assert callable(getattr(module, verb.function))


@pytest.mark.parametrize("verb", ["check-data", "train"])
def test_an_error_of_the_data_has_its_own_step_and_none_is_made_up(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.guarded([verb, "photos"], failing(errors.DataError("it broke"))) == 3
    assert "next:" not in capsys.readouterr().err
