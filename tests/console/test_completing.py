"""Completion: installed where a shell looks for it, and doing its work in bash, zsh and fish."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from fasterseg import cli
from fasterseg.verbs import VERBS

SECONDS = 60


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without anything in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ZDOTDIR", "ZSH", "ZSH_CUSTOM"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def shell_named(name: str) -> str:
    """The path of a shell; skips where this machine has none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine")
    return found


def installed(shell: str) -> None:
    assert cli.main(["--install-completion", "--shell", shell]) == 0


def test_bash_completes_commands_options_and_choices(home: Path) -> None:
    bash = shell_named("bash")
    installed("bash")
    asked = r"""
    source "$HOME/.bashrc"
    ask() {
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _fasterseg; echo "${COMPREPLY[@]}"
    }
    ask fasterseg ""; ask fasterseg tra; ask fasterseg train --arch; ask fasterseg export --format o
    """
    done = subprocess.run([bash, "-c", asked], capture_output=True, text=True, check=True)
    every, *others = done.stdout.splitlines()
    assert {verb.words[0] for verb in VERBS} <= {*every.split()}
    assert others == ["train", "--architecture", "onnx openvino"], done.stderr


def test_zsh_completes_commands_and_options(home: Path) -> None:
    zsh = shell_named("zsh")
    installed("zsh")
    own = (home / ".zshrc").read_text()
    (home / ".zshrc").write_text(f"{own}autoload -Uz compinit\ncompinit -u\nPROMPT='> '\n")
    clear = "\x15"
    expected = {
        "fasterseg che\t": "check-data",
        f"{clear}fasterseg train --archi\t": "--architecture",
    }
    assert typed_into([zsh, "-i"], expected) == []


def test_fish_completes_commands(home: Path) -> None:
    fish = shell_named("fish")
    installed("fish")
    place = home / ".config" / "fish" / "completions" / "fasterseg.fish"
    asked = [fish, "-c", f"source {place}; complete -C 'fasterseg tra'"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("train\t")


def typed_into(shell: list[str], expected: dict[str, str]) -> list[str]:
    """Type into a shell that has a terminal; which of the keys did not bring what they are to."""
    terminal, inner = pty.openpty()
    process = subprocess.Popen(
        shell, stdin=inner, stdout=inner, stderr=inner, start_new_session=True
    )
    try:
        read_until(terminal, "> ")
        return [keys for keys, told in expected.items() if not typing(terminal, keys, told)]
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
        os.close(inner)


def typing(terminal: int, keys: str, told: str) -> bool:
    os.write(terminal, keys.encode())
    return read_until(terminal, told)


def read_until(terminal: int, told: str) -> bool:
    """Whether a terminal shows a text before long."""
    seen, until = "", time.monotonic() + SECONDS
    while told not in seen and time.monotonic() < until:
        ready, _, _ = select.select([terminal], [], [], 1)
        seen += os.read(terminal, 4096).decode(errors="replace") if ready else ""
    return told in seen


def test_an_installed_completion_says_where_it_lies(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installed("zsh")
    place = home / ".zsh" / "completions" / "_cyclopts_fasterseg"
    assert place.is_file()
    assert str(place) in capsys.readouterr().out
    assert str(place.parent) in (home / ".zshrc").read_text()


def test_a_script_that_is_to_lie_elsewhere_is_told_to_no_shell(home: Path) -> None:
    place = home / "completions"
    words = ["--install-completion", "--shell", "bash", "--output", str(place)]
    assert cli.main(words) == 0
    assert [one.name for one in home.iterdir()] == ["completions"]


def test_a_shell_that_is_not_known_is_a_usage_error(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--install-completion", "--shell", "tcsh"]) == 2
    assert "next:  fasterseg --install-completion --help" in capsys.readouterr().err


def test_a_disk_that_takes_no_script_is_the_machine_s_fault(home: Path) -> None:
    (home / "file").write_text("")
    words = ["--install-completion", "--shell", "bash", "--output", str(home / "file" / "x")]
    assert cli.main(words) == 4
