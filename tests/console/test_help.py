"""A command's help tells what it does, writes and exits with, has an example, and comes at once."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fasterseg import cli
from fasterseg.console.help_text import docstring_sections
from fasterseg.verbs import VERBS, Verb

SOURCE = Path(cli.__file__).parents[1]
each_verb = pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)


def help_of(verb: Verb, capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main([*verb.words, "--help"]) == 0
    return capsys.readouterr().out


def sections_of(verb: Verb) -> dict[str, str]:
    module = __import__(f"fasterseg.commands.{verb.function}", fromlist=["_"])
    return docstring_sections(getattr(module, verb.function))


@each_verb
def test_help_says_all_that_the_docstring_does(
    verb: Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    told = " ".join(help_of(verb, capsys).split())
    for paragraph in sections_of(verb)[""].split("\n\n"):
        assert " ".join(paragraph.split()) in told


@each_verb
def test_help_says_what_is_written_or_with_which_code_it_ends(verb: Verb) -> None:
    told = sections_of(verb)[""].lower()
    assert any(word in told for word in ("exit code", "writ", "nothing is changed", "page"))


@each_verb
def test_help_has_an_example_that_the_command_understands(verb: Verb) -> None:
    examples = sections_of(verb)["Examples"].splitlines()
    assert examples
    for example in examples:
        name, *words = shlex.split(example.partition(">")[0])
        assert (name, *words[: len(verb.words)]) == ("fasterseg", *verb.words)
        cli.build_app(verb).parse_args(words, exit_on_error=False, print_error=False)


@each_verb
def test_help_shows_no_empty_default_and_nothing_by_two_names(
    verb: Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    told = " ".join(help_of(verb, capsys).split())
    for empty in ('[default: ""]', "[default: ()]", "[default: 0]", "[default: False]", "PATH|STR"):
        assert empty not in told
    for line in help_of(verb, capsys).splitlines():
        words = line.strip("│* ").split()
        if len(words) > 1 and words[0].isupper():
            assert words[1] != f"--{words[0].lower()}"


@each_verb
def test_common_options_stand_in_a_group_behind_the_commands_own(
    verb: Verb, capsys: pytest.CaptureFixture[str]
) -> None:
    own, common = help_of(verb, capsys).split("─ Common ─")
    assert "--json" in common
    assert "--json" not in own


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("import-official", "--seed"),
        ("import-official", "--data"),
        ("draw", "--device"),
        ("draw", "--recipe"),
        ("describe", "--seed"),
        ("predict", "--recipe"),
        ("check-data", "--device"),
    ],
)
def test_an_option_that_means_nothing_to_a_command_is_none_of_it(
    name: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = help_of(cli.verb_named(name), capsys)
    assert f"{option} " not in told.replace("--set search", "")


def loaded_by(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=SOURCE,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def test_help_of_every_command_loads_neither_torch_nor_what_takes_long() -> None:
    heavy = {"torch", "numpy", "pydantic", "PIL", "yaml"}
    shown = "; ".join(f"main([*{verb.words}, '--help'])" for verb in VERBS)
    code = f"import sys; from fasterseg.cli import main; {shown}; print({heavy} & {{*sys.modules}})"
    assert loaded_by(code) == "set()"


@pytest.mark.parametrize("columns", ["0", "1", "2", "40"])
def test_help_ends_however_few_columns_there_are_said_to_be(columns: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fasterseg", "run", "--help"],
        env={**os.environ, "COLUMNS": columns},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "--recipe" in done.stdout
    widest = max(map(len, done.stdout.splitlines()))
    assert widest <= (80 if int(columns) < 20 else int(columns))


def processor_seconds(words: list[str]) -> float:
    """What a command takes of a processor, with Python's start."""
    before = os.times()
    subprocess.run(
        [sys.executable, "-m", "fasterseg", *words],
        stdout=subprocess.DEVNULL,
        cwd=SOURCE,
        check=True,
    )
    after = os.times()
    return (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["--help"], *([*verb.words, "--help"] for verb in VERBS)], ids=str
)
def test_help_takes_less_than_a_third_of_a_second_of_a_processor(words: list[str]) -> None:
    assert min(processor_seconds(words) for _ in range(5)) < 0.3
