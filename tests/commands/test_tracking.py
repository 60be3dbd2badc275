"""``--log`` and callbacks, from the command to what was told."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from fasterseg.callbacks import (
    Predicted,
    RunEvent,
    Scored,
    StageEnded,
    StageResumed,
    StageStarted,
    StepDone,
)
from fasterseg.cli import main
from fasterseg.commands.evaluate import evaluate
from fasterseg.commands.train import train
from fasterseg.config import Recipe
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture, Branch, CellChoice
from fasterseg.tracking.names import tracker_names

SETTINGS = (
    "threads=1",
    "data.street.height=31",
    "data.street.width=33",
    "data.street.train=4",
    "data.street.val=1",
    "data.street.test=2",
    "student.steps=3",
    "student.batch_size=2",
    "student.precision=float32",
    "student.augmentation.crop_height=31",
    "student.augmentation.crop_width=33",
    "student.distillation_weight=0",
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run in which a search has found a student."""
    run = RunFolder(tmp_path / "photos")
    branch = Branch(stride=8, cells=(CellChoice(kind="conv", expansion=1),))
    Architecture(widths={"stem": 1, "head": 1}, branches=(branch,)).save(
        run.architecture("student")
    )
    return run


def test_a_training_and_an_evaluation_tell_callbacks_and_tensorboard(run: RunFolder) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events: list[RunEvent] = []
    train(
        "student",
        data="street",
        run=run.root,
        set=SETTINGS,
        log="tensorboard",  # type: ignore[arg-type]  # one is as good as a list of one
        callbacks=[events.append],
    )
    assert events[0] == StageStarted("train/student")
    assert [one.step for one in events if isinstance(one, StepDone)] == [1, 2, 3]
    assert [one.finished for one in events if isinstance(one, StageEnded)] == [True]
    assert Recipe.load(run.recipe).log == ("tensorboard",)
    place = run.tracking / "tensorboard" / "run"
    steps = EventAccumulator(str(place / "train" / "student")).Reload()
    assert [one.step for one in steps.Scalars("loss")] == [1, 2, 3]
    (shown,) = [one for one in events if isinstance(one, Predicted)]
    (picture,) = shown.pictures().values()
    assert (picture.shape, picture.dtype) == ((31, 3 * 33, 3), np.uint8)
    results = EventAccumulator(str(place / "results")).Reload()
    (tag,) = results.Tags()["images"]
    assert tag.startswith("pictures/student/val/")

    events.clear()
    evaluate(
        str(run.bundle("student")), run=run.root, callbacks=[events.append], log=["tensorboard"]
    )
    (score,) = [one for one in events if isinstance(one, Scored)]
    assert (score.name, score.split, score.images) == ("student-best-test", "test", 2)
    assert "road" in score.iou
    told = run.tracking / "tensorboard" / "evaluate-student-best-test" / "results"
    tags = EventAccumulator(str(told)).Reload().Tags()["scalars"]
    assert "score/student-best-test/test/mean_iou" in tags


def test_a_resumed_run_goes_on_telling_whom_it_told(run: RunFolder) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    train("student", data="street", run=run.root, set=SETTINGS, log=["tensorboard"])
    files = sorted((run.tracking / "tensorboard").rglob("events.*"))
    train("student", run=run.root)
    assert sorted((run.tracking / "tensorboard").rglob("events.*")) == files


def test_a_tracker_that_is_asked_for_when_all_is_trained_is_told_of_it(run: RunFolder) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train("student", data="street", run=run.root, set=SETTINGS)
    events: list[RunEvent] = []
    for _ in range(2):
        train("student", run=run.root, log=["tensorboard"], callbacks=[events.append])
    assert not [one for one in events if isinstance(one, StepDone | StageResumed)]
    place = run.tracking / "tensorboard" / "run" / "train" / "student"
    told = EventAccumulator(str(place)).Reload().Scalars("loss")
    assert [one.step for one in told] == [1, 2, 3]


def test_nothing_is_tracked_that_nobody_asked_for(run: RunFolder) -> None:
    train("student", data="street", run=run.root, set=SETTINGS)
    assert not run.tracking.exists()
    assert "log" not in json.loads(run.recipe.read_text())["content"]


@pytest.mark.parametrize("verb", ["run", "search", "train", "evaluate"])
def test_a_tracker_that_is_not_installed_is_told_before_anything_is_computed(
    verb: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    words = request.getfixturevalue("shipped_models")[:1] if verb == "evaluate" else []
    code = main([verb, *words, "--data", "street", "--log", "mlflow", "--json"])
    told = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert code == EnvironmentFault.exit_code
    assert told["where"] == "--log mlflow"
    assert told["next"] == "pip install 'fasterseg[mlflow]', or leave --log mlflow out"
    assert list(tmp_path.iterdir()) == []


def test_trackers_are_asked_for_by_name() -> None:
    assert tracker_names(["wandb", "mlflow", "wandb"]) == ("wandb", "mlflow")
    assert tracker_names("mlflow") == ("mlflow",)
    with pytest.raises(UsageError) as caught:
        tracker_names("tensorbord")
    assert caught.value.next_step == "did you mean 'tensorboard'?"


def test_what_is_no_function_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="a callback is no function"):
        train("student", callbacks=[3])  # type: ignore[list-item]


def test_the_command_line_has_no_option_for_callbacks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "--help"]) == 0
    told = capsys.readouterr().out
    assert "--log" in told
    assert "--callbacks" not in told
