"""The common options: the same for the command line and for Python callers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Unpack

import pytest
from cyclopts import App, CycloptsError

from fasterseg.cli import build_app, verb_named
from fasterseg.console.options import Common, CommonOptions
from fasterseg.console.results import asks_for_json
from fasterseg.errors import UsageError


def command(**options: Unpack[CommonOptions]) -> Common:
    """A command as commands are written."""
    return Common.of(options)


@pytest.fixture
def app() -> App:
    """The command line of that one command."""
    app = App(name="x", result_action="return_value", exit_on_error=False, print_error=False)
    app.default(command)
    return app


def test_every_option_of_the_command_line_is_a_keyword_argument_of_the_function(app: App) -> None:
    words = "--data street --run runs/a --recipe r.yaml --set a.b=c --set d=1e-3 --device cpu"
    assert app(f"{words} --json --seed 3") == command(
        data=Path("street"),
        run=Path("runs/a"),
        recipe=Path("r.yaml"),
        set=("a.b=c", "d=1e-3"),
        device="cpu",
        json=True,
        seed=3,
    )


def test_what_is_left_out_is_left_to_the_recipe(app: App) -> None:
    assert app("") == Common()


def test_one_set_takes_one_change(app: App) -> None:
    with pytest.raises(CycloptsError):
        app("--set a=1 b=2")


@pytest.mark.parametrize("flag", ["--no-json", "--empty-set"])
def test_there_are_no_flags_that_nobody_asked_for(app: App, flag: str) -> None:
    with pytest.raises(CycloptsError):
        app(flag)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["run", "--json"], True),
        (["run", "--json=true"], True),
        (["run", "--json=false"], False),
        (["predict", "--", "--json"], False),
        (["run"], False),
    ],
)
def test_json_is_recognised_before_anything_is_parsed(words: list[str], asked: bool) -> None:
    assert asks_for_json(words) is asked


def test_budgets_are_repeated_and_python_may_name_one_as_it_is() -> None:
    app = build_app(verb_named("search"))
    _, bound, _ = app.parse_args(["search", "--budget", "8ms", "--budget", "25%"])
    assert list(bound.arguments["budget"]) == ["8ms", "25%"]
    assert Common().with_budget(["8ms", "25%"]).set == ('budget=["8ms", "25%"]',)
    assert Common().with_budget("8ms").set == ('budget="8ms"',)
    assert Common(set=("seed=1",)).with_budget(()).set == ("seed=1",)
    joined = ('budget=["8ms", "baseline:fast-scnn", "12ms"]',)
    assert Common().with_budget(["8ms, baseline:fast-scnn", "12ms"]).set == joined
    assert Common().with_budget("8ms,baseline:fast-scnn,12ms").set == joined


def test_a_model_that_lies_here_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.onnx").touch()
    (tmp_path / "camvid-4ms").mkdir()  # what lies here goes before what is shipped
    asked = ["2x:one.onnx", "camvid-4ms", "camvid-8ms", "./missing.onnx"]
    here = [f"2x:{tmp_path}/one.onnx", f"{tmp_path}/camvid-4ms", *asked[2:]]
    assert Common().with_budget(asked).set == (f"budget={json.dumps(here)}",)


def test_changes_may_be_keys_and_values_or_one_text() -> None:
    told = {"student.steps": 4, "budget": "5ms", "data.splits": None, "data.source": Path("a")}
    assert Common.of({"set": told}).set == (
        "student.steps=4",
        'budget="5ms"',
        "data.splits=null",
        'data.source="a"',
    )
    assert Common.of({"set": "student.steps=4"}).set == ("student.steps=4",)
    assert Common.of({"set": ["a=1", "b=2"]}).set == ("a=1", "b=2")


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"batch_size": 4}, "set={'student.batch_size': 4}"),
        ({"epochs": 30}, "set={'student.steps': N}, where a step is a batch"),
        ({"learning_rate": 0.1}, "set={'student.lr': 0.1}"),
        ({"fmt": "onnx"}, "help() of the function"),
        ({"host": "kit"}, "set={'target.host': 'kit'}"),
    ],
)
def test_an_option_that_there_is_none_is_answered_with_the_change(
    option: dict[str, object], says: str
) -> None:
    with pytest.raises(UsageError, match="there is no option") as caught:
        Common.reaching(**option)
    assert says in caught.value.next_step
