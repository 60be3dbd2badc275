"""The same against OpenSSH's own server, on the loopback."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_sshd import LocalSshd
from runnable_kits import RUN, RunnableKit

from fasterseg.config.hosts import SshAddress
from fasterseg.errors import EnvironmentFault, Interrupted
from fasterseg.kit.hosts import answered
from fasterseg.kit.ssh import OverSsh
from fasterseg.kit.writing import PackedKit
from fasterseg.stopping import StopRequest

pytestmark = pytest.mark.slow

TIMER = {"warmup_runs": 1, "runs": 5, "nanoseconds": 30_000_000, "visits": 5}


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[LocalSshd]:
    with LocalSshd(tmp_path) as found:
        yield found


@pytest.fixture
def packed(tmp_path: Path) -> PackedKit:
    kit = RunnableKit(tmp_path / "kit", blocks=4, changes={"blocks_timer": TIMER})
    shutil.copy(RUN, tmp_path / "kit" / "run.py")
    return PackedKit(tmp_path / "kit", kit.zipped(tmp_path / "kit.zip"), kit.manifest)


class Heard:
    """A device that is asked, and what it tells; something is done once so much is measured."""

    def __init__(self, sshd: LocalSshd, *, at: int = -1, python: str = sys.executable) -> None:
        self.told: list[str] = []
        self.stop = StopRequest()
        self.cuts: list[int] = []
        self.sshd, self.at = sshd, at
        self.host = OverSsh(
            SshAddress.of(sshd.address),
            python=python,
            tell=self.told.append,
            progress=self.heard,
            stop=self.stop,
            pause=lambda _seconds: None,
        )

    def heard(self, done: int, _total: int, _note: str) -> None:
        if done == self.at:
            self.at = -1
            self.act()

    def act(self) -> None:
        self.cuts.append(self.sshd.cut())


def test_it_is_copied_run_fetched_and_removed(packed: PackedKit, sshd: LocalSshd) -> None:
    found = Heard(sshd).host.measured(packed, why="how long its blocks take")
    assert found.timed.keys() == {*packed.manifest.timed_keys()}
    assert answered(packed) == found
    assert sshd.kits == []
    assert not (sshd.home / ".cache/fasterseg-kit").exists()


def test_cut_in_the_middle_it_resumes_and_measures_nothing_twice(
    packed: PackedKit, sshd: LocalSshd
) -> None:
    heard = Heard(sshd, at=2)
    found = heard.host.measured(packed, why="how long its blocks take")
    assert heard.cuts == [1]
    assert any("the connection was lost" in line for line in heard.told)
    assert found.timed.keys() == {*packed.manifest.timed_keys()}
    assert sum("is copied to the device" in line for line in heard.told) == 2
    assert sshd.kits == []


def test_stopped_here_it_stops_there_and_the_same_command_resumes(
    packed: PackedKit, sshd: LocalSshd
) -> None:
    heard = Heard(sshd, at=2)
    heard.act = lambda: setattr(heard.stop, "signal_name", "SIGTERM")  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        heard.host.measured(packed, why="how long its blocks take")
    (kit,) = sshd.kits
    before = (kit / "kit-journal.jsonl").read_bytes()
    assert Heard(sshd).host.measured(packed, why="the same").kit == packed.manifest.digest()
    assert before.count(b"\n") >= 4


def test_keys_and_logins_that_do_not_fit_are_told(packed: PackedKit, sshd: LocalSshd) -> None:
    def refused(what: str) -> None:
        with pytest.raises(EnvironmentFault, match=what):
            Heard(sshd).host.measured(packed, why="")

    sshd.know(None)
    refused("the device is not known here yet")
    sshd.know(sshd.folder / "stranger.pub")
    refused("does not have the key by which it is known here")
    sshd.know(sshd.folder / "host.pub")
    sshd.authorise("stranger")
    refused("lets nobody in without a password")
    sshd.authorise("user")
    with pytest.raises(EnvironmentFault, match="no Python called python9"):
        Heard(sshd, python="python9").host.measured(packed, why="")


def test_where_nobody_listens_that_is_told(packed: PackedKit, sshd: LocalSshd) -> None:
    address = SshAddress("127.0.0.1", os.environ.get("USER", "root"), 1)
    with pytest.raises(EnvironmentFault, match="nothing on the device answers by ssh"):
        OverSsh(address, tell=lambda _line: None).measured(packed, why="")
