"""Where the command begins: systems that it does not run on, and Ctrl-C before it can tell it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import fasterseg
from fasterseg import entry
from fasterseg.errors import EnvironmentFault, Interrupted

ROOT = Path(__file__).parents[1]
WITHOUT_LOCKS = """
import sys
sys.modules["fcntl"] = sys.modules["resource"] = None
sys.platform = "win32"
"""


def on_windows(code: str) -> subprocess.CompletedProcess[str]:
    """Run code where nothing can be imported that Windows lacks."""
    command = [sys.executable, "-c", WITHOUT_LOCKS + code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_installed_command_begins_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"fasterseg": "fasterseg.entry:main"}


def test_windows_is_told_where_the_command_runs() -> None:
    done = on_windows("from fasterseg.entry import main; sys.exit(main())")
    assert done.returncode == EnvironmentFault.exit_code
    assert done.stderr.startswith("fasterseg does not run on Windows itself\n")
    assert "install WSL 2" in done.stderr and "Traceback" not in done.stderr


def test_windows_is_told_in_python_too() -> None:
    done = on_windows("import fasterseg; fasterseg.load_model('x')")
    assert "does not run on Windows itself" in done.stderr.splitlines()[-4]
    assert "fcntl" not in done.stderr


def test_a_stop_before_anything_was_read_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "require_supported", stopped)
    assert entry.main() == Interrupted.exit_code
    assert capsys.readouterr().err.startswith("Stopped on request.")


def test_a_current_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    words = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m fasterseg doctor"
    done = subprocess.run(
        ["sh", "-c", words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == EnvironmentFault.exit_code
    assert done.stderr.startswith(f"the current folder is gone\n  where: {gone}\n")
    assert done.stderr.rstrip().endswith("cd ~")


def test_here_the_command_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["fasterseg", "--version"])
    assert entry.main() == 0
    assert fasterseg.load_model
