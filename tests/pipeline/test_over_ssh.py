"""Verbs on a device that OpenSSH's own server lets in, on the loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_sshd import LocalSshd

from fasterseg.cli import main
from fasterseg.kit import ssh
from fasterseg.kit.ssh import PYTHON, SshClient
from fasterseg.latency.table import LatencyTable
from fasterseg.runs import RunFolder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TINY = str(Path(__file__).parent / "tiny.yaml")


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSshd]:
    monkeypatch.setenv(PYTHON, sys.executable)
    with LocalSshd(tmp_path) as found:
        yield found


class Cutting:
    """Breaks the line once, when the device tells that so much is measured."""

    def __init__(self, device: LocalSshd, patch: pytest.MonkeyPatch, at: str) -> None:
        self.device, self.at, self.cuts = device, at, 0
        run = SshClient.run

        def listened(client: SshClient, script: str, **options: Any) -> Any:
            heard = options.pop("line", lambda _line: None)

            def line(text: str) -> None:
                heard(text)
                if text.startswith(self.at) and not self.cuts:
                    self.cuts = device.cut()

            return run(client, script, line=line, **options)

        patch.setattr(ssh.SshClient, "run", listened)


def test_a_profile_is_cut_in_the_middle_and_is_the_device_s(
    device: LocalSshd,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    cutting = Cutting(device, monkeypatch, at="2 of ")
    run = RunFolder(tmp_path / "run")
    words = ["profile", "--recipe", TINY, "--device", device.address, "--run", str(run.root)]
    assert main(words) == 0
    assert cutting.cuts == 1
    assert "the connection was lost" in capfd.readouterr().err
    table = LatencyTable.load(run.latency_table)
    assert table.conditions["runner"] == "run.py"
    assert device.kits == []
    before = run.latency_table.read_bytes()
    assert main(words) == 0
    assert run.latency_table.read_bytes() == before


def test_a_benchmark_is_measured_there(
    device: LocalSshd, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["benchmark", "baseline:fast-scnn", "--device", device.address, "--size", "32x64"]
    assert main(words) == 0
    assert "p95" in capfd.readouterr().out
    assert device.kits == []
