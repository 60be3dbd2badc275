"""Options of other trainers are answered with the command that says here what was meant."""

from __future__ import annotations

import json
import shlex

import pytest

from fasterseg import cli
from fasterseg.config.other_words import key_called, place_of
from fasterseg.config.recipe import Recipe


@pytest.mark.parametrize(
    ("typed", "better"),
    [
        ("train --batch-size 4", "train --set student.batch_size=4"),
        ("train teacher --lr=0.1 --run r", "train teacher --set teacher.lr=0.1 --run r"),
        ("search --bs 2 --recipe demo", "search --set search.batch_size=2 --recipe demo"),
        ("train --num-workers 8", "train --set data.workers=8"),
        ("run --warmup-steps 3", "run --set student.warmup_steps=3"),
        ("train --resume --run r", "train --run r"),
        ("run --imgsz 640 --run r", "run --size 640x640 --run r"),
        ("predict m a --output o", "predict m a --out o"),
        ("run --config x.yaml", "run --recipe x.yaml"),
        ("run --save-dir x", "run --run x"),
        ("train --gpu 1", "train --device cuda:1"),
        ("train --gpus 2", "train --processes 2"),
    ],
)
def test_another_trainers_option_is_answered_with_ours(
    typed: str, better: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = failure(typed, capsys)
    assert said["what"].startswith("there is no option --")
    assert said["next"] == f"fasterseg {better}"


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("run --epochs 30", "--set student.steps=N, where N is 30 times the images of train"),
        ("train --amp", "fasterseg recipe student.precision, then"),
        ("train --momentum", "fasterseg recipe student.momentum, then"),
    ],
)
def test_what_has_no_value_of_the_kind_is_answered_with_where_to_look(
    typed: str, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert part in failure(typed, capsys)["next"]


@pytest.mark.parametrize("typed", ["train --patience 3", "doctor --lr 3", "search --selection 3"])
def test_any_other_is_answered_with_the_help(
    typed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = failure(typed, capsys)
    assert said["what"].startswith("Unknown option")
    assert said["next"] == f"fasterseg {typed.split(maxsplit=1)[0]} --help"


def failure(typed: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    assert cli.main([*shlex.split(typed), "--json"]) == 2
    said = json.loads(capsys.readouterr().err.splitlines()[-1])
    return {key: str(said[key]).replace(" --json", "") for key in ("what", "next")}


@pytest.mark.parametrize("word", ["batch", "lr0", "max_iters", "amp", "num-workers", "wd"])
def test_every_word_leads_to_a_key_that_a_recipe_has(word: str) -> None:
    place = place_of(key_called(word))
    found: object = Recipe()
    for part in place.split("."):
        found = getattr(found, part)
