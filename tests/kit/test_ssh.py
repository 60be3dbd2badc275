"""A kit is measured over ssh, resumes after a broken line, and leaves nothing there."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_ssh import FakeSsh
from runnable_kits import RUN, RunnableKit

from fasterseg.config.hosts import SshAddress
from fasterseg.errors import EnvironmentFault, FileError, Interrupted
from fasterseg.kit import ssh as ssh_module
from fasterseg.kit.ssh import PYTHON, OverSsh
from fasterseg.kit.writing import PackedKit
from fasterseg.stopping import StopRequest

ADDRESS = SshAddress.of("ssh://pi@board:2222")


@pytest.fixture
def packed(tmp_path: Path) -> PackedKit:
    """A kit of one block."""
    kit = RunnableKit(tmp_path / "kit", blocks=1, images=1)
    shutil.copy(RUN, tmp_path / "kit" / "run.py")
    return PackedKit(tmp_path / "kit", kit.zipped(tmp_path / "kit.zip"), kit.manifest)


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[FakeSsh]:
    with FakeSsh(tmp_path) as found:
        yield found


class Heard:
    """What is told while a kit is measured, and a device that is asked for it."""

    def __init__(self, python: str = sys.executable) -> None:
        self.told: list[str] = []
        self.done: list[tuple[int, int]] = []
        self.paused = 0
        self.stop = StopRequest()
        self.on_progress: Callable[[int], None] = lambda _done: None
        self.host = OverSsh(
            ADDRESS,
            python=python,
            tell=self.told.append,
            progress=self._progress,
            stop=self.stop,
            pause=self._pause,
        )

    def _progress(self, done: int, total: int, _note: str) -> None:
        self.done.append((done, total))
        self.on_progress(done)

    def _pause(self, seconds: float) -> None:
        self.paused += 1


def idle_python(ssh: FakeSsh, runs: str) -> str:
    """A Python there that does something else where it is to measure."""
    text = f'#!/bin/sh\n[ "$3" = --wait ] && {{ {runs}; }}\nexec {sys.executable} -S -I "$@"\n'
    return str(ssh.program("bin/idle-python", text))


def test_it_is_copied_run_fetched_and_removed(packed: PackedKit, ssh: FakeSsh) -> None:
    heard = Heard()
    found = heard.host.measured(packed, why="how long its blocks take")
    assert found.kit == packed.manifest.digest()
    assert heard.done[0] == (0, 5) and heard.done[-1] == (5, 5)
    assert heard.told[0] == "ssh://pi@board:2222 is asked to tell how long its blocks take"
    assert any(line.startswith("board: device: ") for line in heard.told)
    assert not any("copy it to where you searched" in line for line in heard.told)
    assert ssh.kits == []
    before = len(ssh.calls)
    assert heard.host.measured(packed, why="the same once more") == found
    assert len(ssh.calls) == before


def test_the_client_asks_nothing_and_takes_no_word_for_an_option(
    packed: PackedKit, ssh: FakeSsh
) -> None:
    ssh.fail("Connection refused")
    with pytest.raises(EnvironmentFault):
        Heard().host.measured(packed, why="")
    (call,) = ssh.calls
    assert call[call.index("-p") + 1] == "2222"
    assert call[-3:-1] == ["--", "pi@board"]
    assert {"BatchMode=yes", "ControlMaster=no", "PermitLocalCommand=no"} <= {*call}


def test_a_line_that_breaks_is_taken_up_again_and_nothing_is_measured_twice(
    packed: PackedKit, ssh: FakeSsh
) -> None:
    ssh.cut_after("2 of 5")
    heard = Heard()
    found = heard.host.measured(packed, why="how long its blocks take")
    assert found.timed.keys() == {*packed.manifest.timed_keys()}
    (lost,) = [line for line in heard.told if "the connection was lost" in line]
    assert "the device measures on" in lost
    assert heard.paused == 2
    copied = [line for line in heard.told if "is copied" in line]
    assert len(copied) == 2
    assert heard.done[-1] == (5, 5)
    assert ssh.kits == []


def test_a_line_that_stays_broken_is_given_up_and_the_same_command_resumes(
    packed: PackedKit, ssh: FakeSsh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh_module, "MOST_LOST", 3)
    heard = Heard()
    heard.on_progress = lambda _done: ssh.fail("ssh: connect to host board: No route to host")
    ssh.cut_after("0 of 5")
    with pytest.raises(EnvironmentFault, match="the device does not answer") as error:
        heard.host.measured(packed, why="how long its blocks take")
    assert "the same command resumes" in error.value.next_step
    assert heard.paused == 2 + 4 + 8
    ssh.cut_after("")
    again = Heard()
    again.host.measured(packed, why="the same")
    assert not any("is copied" in line for line in again.told)


def test_asked_to_stop_it_lets_the_device_stop_too(packed: PackedKit, ssh: FakeSsh) -> None:
    heard = Heard(idle_python(ssh, "echo 1 of 5 measured >&2; exec sleep 60"))
    heard.on_progress = lambda _done: setattr(heard.stop, "signal_name", "SIGINT")
    with pytest.raises(Interrupted, match="stopped by SIGINT"):
        heard.host.measured(packed, why="how long its blocks take")
    assert ssh.calls[-1][-1].endswith("--stop'")
    assert len(ssh.kits) == 1


@pytest.mark.parametrize(
    ("said", "what", "next_step"),
    [
        (
            "ssh: connect to host board port 2222: Connection refused",
            "nothing on",
            "ssh://pi@board",
        ),
        ("ssh: connect to host board port 2222: Connection timed out", "does not answer", "is on"),
        ("ssh: Could not resolve hostname board: Name or service not known", "no device", "name"),
        ("Host key verification failed.", "is not known here yet", "ssh -p 2222 pi@board, once"),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            "does not have the key",
            "ssh-keygen -R '[board]:2222'",
        ),
        (
            "pi@board: Permission denied (publickey,password).",
            "nobody in without a password",
            "ssh-copy-id -p 2222 pi@board",
        ),
        ("kex_exchange_identification: read: Connection reset", "was lost", "to see why"),
    ],
)
def test_whoever_cannot_be_reached_is_told_what_to_type(
    said: str, what: str, next_step: str, packed: PackedKit, ssh: FakeSsh
) -> None:
    ssh.fail(said)
    heard = Heard()
    with pytest.raises(EnvironmentFault, match=re.escape(what)) as error:
        heard.host.measured(packed, why="how long its blocks take")
    assert error.value.where == "ssh://pi@board:2222"
    assert error.value.why == said.splitlines()[-1]
    assert next_step in error.value.next_step
    assert heard.paused == 0


def test_a_device_without_such_a_python_is_told(packed: PackedKit, ssh: FakeSsh) -> None:
    with pytest.raises(EnvironmentFault, match="no Python called /opt/no python") as error:
        Heard("/opt/no python").host.measured(packed, why="")
    assert "not found" in error.value.why
    assert PYTHON in error.value.next_step


def test_a_device_with_an_old_python_is_told(packed: PackedKit, ssh: FakeSsh) -> None:
    ssh.program(
        "bin/python3", "#!/bin/sh\necho some shell speaks first\necho fasterseg-answers: 3 6\n"
    )
    with pytest.raises(EnvironmentFault, match="too old") as error:
        Heard("python3").host.measured(packed, why="")
    assert error.value.why == "it is 3.6, and 3.8 or later is needed"


def test_a_python_of_a_venv_there_may_be_named_from_the_home(
    packed: PackedKit, ssh: FakeSsh
) -> None:
    (ssh.folder / "home" / "my venv").mkdir()
    ssh.program("home/my venv/python", "#!/bin/sh\necho fasterseg-answers: 3 7\n")
    with pytest.raises(EnvironmentFault, match="too old"):
        Heard("~/my venv/python").host.measured(packed, why="")


def test_which_python_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert OverSsh(ADDRESS).python == "python3"
    monkeypatch.setenv(PYTHON, "/home/pi/venv/bin/python")
    assert OverSsh(ADDRESS).python == "/home/pi/venv/bin/python"


def test_what_the_runner_refuses_is_raised_in_its_own_words(
    packed: PackedKit, ssh: FakeSsh
) -> None:
    bare = ssh.program("bin/bare-python", f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    heard = Heard(str(bare))
    with pytest.raises(EnvironmentFault, match="this kit needs NumPy") as error:
        heard.host.measured(packed, why="")
    assert error.value.where.startswith("ssh://pi@board:2222: ")
    assert "-m pip install numpy" in error.value.next_step
    assert PYTHON in error.value.next_step
    assert not any("NumPy" in line for line in heard.told)


def test_a_full_disk_there_is_told(packed: PackedKit, ssh: FakeSsh) -> None:
    ssh.program(
        "bin/cat", "#!/bin/sh\necho 'cat: write error: No space left on device' >&2\nexit 1\n"
    )
    with pytest.raises(EnvironmentFault, match="cannot be copied") as error:
        Heard().host.measured(packed, why="")
    assert error.value.why == "cat: write error: No space left on device"
    assert "free some space there" in error.value.next_step


def test_a_kit_that_does_not_arrive_whole_is_told(packed: PackedKit, ssh: FakeSsh) -> None:
    ssh.program("bin/cat", "#!/bin/sh\nexec head -c 100\n")
    with pytest.raises(EnvironmentFault, match="did not arrive whole"):
        Heard().host.measured(packed, why="")


@pytest.mark.parametrize(
    ("answers", "what"),
    [("echo '{}'", "not a fasterseg file"), ("yes", "too large"), ("exit 1", "cannot be fetched")],
)
def test_an_answer_that_is_none_is_refused_and_what_lies_there_stays(
    answers: str,
    what: str,
    packed: PackedKit,
    ssh: FakeSsh,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ssh_module, "MOST_BYTES", 100_000)
    ssh.program("bin/cat", f"#!/bin/sh\n[ $# = 0 ] && exec {shutil.which('cat')}\n{answers}\n")
    with pytest.raises((FileError, EnvironmentFault), match=what):
        Heard(idle_python(ssh, "exit 0")).host.measured(packed, why="")
    assert len(ssh.kits) == 1


def test_without_openssh_the_other_way_is_told(
    packed: PackedKit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentFault, match="not installed here") as error:
        Heard().host.measured(packed, why="")
    assert "--device kit" in error.value.next_step
