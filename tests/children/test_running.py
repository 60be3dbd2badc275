"""Functions in processes of their own: where they import from, how they end, and with whom."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import fasterseg
from fasterseg.children import running, start
from fasterseg.children.running import Answered, Ended, run_apart, run_limited
from fasterseg.errors import EnvironmentFault, UsageError

MB = 1_000_000
HOSTILE = ("json", "numpy", "torch", "fasterseg", "pydantic", "sitecustomize", "usercustomize")
SEEN = (
    "[__import__('os').getcwd(), dict(__import__('os').environ), __import__('sys').path, "
    "__import__('fasterseg').__file__]"
)


def limited(function: str, *words: Any, seconds: float = 60) -> Answered | Ended:
    return run_limited(function, words, seconds=seconds, memory_bytes=100 * MB)


def ended(outcome: Answered | Ended) -> tuple[str, str]:
    assert isinstance(outcome, Ended), outcome
    return outcome.how, outcome.reason


def answer(outcome: Answered | Ended) -> Any:
    assert isinstance(outcome, Answered), outcome
    return outcome.value


@pytest.fixture
def hostile_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, also named in the environment, with modules that leave a mark."""
    mark = f"open({str(tmp_path / 'it-ran')!r}, 'w')\n"
    for name in HOSTILE:
        (tmp_path / f"{name}.py").write_text(mark)
    (tmp_path / "fasterseg").mkdir()
    (tmp_path / "fasterseg" / "__init__.py").write_text(mark)
    monkeypatch.chdir(tmp_path)
    for name in ("PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, f"{tmp_path}:")
    monkeypatch.setenv("PYTHONINSPECT", "1")
    return tmp_path


def test_a_child_answers_with_what_the_function_returns() -> None:
    assert answer(limited("fasterseg.amounts:duration", 5)) == "5.0 s"


@pytest.mark.parametrize("apart", [False, True])
def test_a_child_knows_neither_the_current_folder_nor_pythons_variables(
    hostile_folder: Path, apart: bool
) -> None:
    run = run_apart if apart else lambda *words: limited(words[0], *words[1])
    folder, environment, places, package = answer(run("builtins:eval", [SEEN]))
    assert not (hostile_folder / "it-ran").exists()
    assert package == fasterseg.__file__
    assert not {"", ".", str(hostile_folder)} & set(places)
    assert environment["TMPDIR"] == folder != str(hostile_folder)
    assert not Path(folder).exists(), "it was left behind"
    assert not [name for name in environment if name.startswith("PYTHON")]
    assert ("HOME" in os.environ and environment["HOME"] == os.environ["HOME"]) == apart


def test_no_library_of_the_users_choice_is_loaded_into_a_child_for_strangers_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Any word that the linker obeys would do; this one it only passes over.
    for name in ("LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES"):
        monkeypatch.setenv(name, "")
    _, environment, _, _ = answer(limited("builtins:eval", SEEN))
    assert not [name for name in environment if name.startswith(("LD_P", "LD_A", "DYLD"))]


def test_relative_folders_of_libraries_are_not_handed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", ":libraries:/opt/absent/lib:.")
    _, environment, _, _ = answer(run_apart("builtins:eval", [SEEN]))
    assert environment["LD_LIBRARY_PATH"] == "/opt/absent/lib"


def test_a_crash_is_a_value() -> None:
    assert ended(limited("os:abort")) == ("signal", "it crashed with SIGABRT")


def test_an_early_end_is_a_value() -> None:
    assert ended(limited("os:_exit", 3)) == ("code", "it ended with code 3: it said nothing")
    assert ended(limited("os:_exit", 0)) == ("answer", "its answer cannot be read")


def test_an_error_that_nobody_foresaw_is_a_value() -> None:
    how, reason = ended(limited("builtins:eval", "1 / 0"))
    assert (how, reason) == ("code", "it ended with code 1: ZeroDivisionError: division by zero")


def test_a_foreseen_error_comes_back_with_its_parts() -> None:
    with pytest.raises(UsageError, match="There is no command 'trian'") as caught:
        limited("fasterseg.cli:verb_named", "trian")
    assert caught.value.next_step == "fasterseg train --help"


def test_one_that_never_ends_is_ended_in_time() -> None:
    assert ended(limited("time:sleep", 600, seconds=0.2)) == ("time", "it took more than 0.2 s")


def test_one_that_waited_for_a_processor_has_so_much_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited_s = count()  # none when it had imported all; then more each time
    monkeypatch.setattr(running, "_waited_s", lambda _: float(next(waited_s)))
    assert limited("time:sleep", 0.5, seconds=0.1) == Answered(None)
    monkeypatch.setattr(running, "MOST_WAITING", 1)
    assert ended(limited("time:sleep", 600, seconds=0.2)) == ("time", "it took more than 0.2 s")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how long a process waited")
def test_what_a_process_waited_is_told_by_the_system() -> None:
    assert 0 <= running._waited_s(os.getpid()) < 1e6
    assert running._waited_s(1 << 40) == 0


def test_one_that_only_computes_is_ended_by_the_processors_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 0)  # no second on any core, but one in all
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)  # nor does the wall's clock go on
    reason = "it took more time of the processor than it may"
    assert ended(limited("builtins:eval", "sum(iter(int, 1))", seconds=0.5)) == ("time", reason)


def test_a_system_without_a_limit_is_no_fault() -> None:
    start._set_limit("RLIMIT_OF_NO_SYSTEM", 1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is not limited")
def test_one_that_needs_too_much_memory_is_refused_it() -> None:
    reason = "it needs more than 100 MB of memory"
    assert ended(limited("builtins:bytearray", 1000 * MB)) == ("memory", reason)


def test_words_on_standard_output_are_no_answer() -> None:
    assert answer(limited("builtins:print", '{"value": "forged"}')) is None


@pytest.mark.parametrize(
    "rubbish", ["'rubbish'", "'[' * 90000", "'{}'", "chr(0)", "'{\"error\": 3}'"]
)
def test_rubbish_instead_of_an_answer_is_a_value(rubbish: str) -> None:
    # It goes to the very descriptor that the answer goes to.
    forging = (
        "(lambda os, fd: (os.write(fd, ({}).encode()), os._exit(0)))(__import__('os'), "
        "max(int(n) for n in __import__('os').listdir('/proc/self/fd') "
        "if __import__('os').path.exists('/proc/self/fd/' + n)))"
    )
    assert ended(limited("builtins:eval", forging.format(rubbish)))[0] == "answer"


def test_an_answer_that_is_too_large_is_a_value() -> None:
    outcome = run_limited(
        "operator:mul", ["x", 10 * MB], seconds=60, memory_bytes=100 * MB, most_bytes=1000
    )
    assert ended(outcome) == ("answer", "its answer has more than 1000 bytes")


def test_a_child_that_cannot_begin_is_a_fault_of_the_machine() -> None:
    with pytest.raises(EnvironmentFault, match=r"No module named 'fasterseg.absent'"):
        limited("fasterseg.absent:nothing")


def test_what_the_caller_raises_ends_the_child() -> None:
    def look() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_apart("time:sleep", [600], look=look)


PARENT = """
from fasterseg.children.running import run_limited
run_limited("builtins:eval", [{words!r}], seconds=600, memory_bytes=10**9)
"""
WAITING = (
    "(open({!r}, 'w').write(str(__import__('os').getpid())), __import__('os').rename({!r}, {!r}), "
    "__import__('time').sleep(600))"
)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells whether a process is there")
def test_a_parent_that_is_killed_leaves_no_child(tmp_path: Path) -> None:
    new, number = str(tmp_path / "number.new"), tmp_path / "number"
    script = PARENT.format(words=WAITING.format(new, new, str(number)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", script], env=environment)
    deadline = time.monotonic() + 60
    while not number.exists():
        assert time.monotonic() < deadline and parent.poll() is None
        time.sleep(0.01)
    ending = os.pidfd_open(int(number.read_text()))
    parent.kill()
    parent.wait()
    assert select.select([ending], [], [], 10)[0], "it lives on"
    os.close(ending)
