"""``train`` and ``evaluate``, as functions and on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import rmtree

import pytest

from fasterseg.cli import main
from fasterseg.commands.evaluate import evaluate
from fasterseg.commands.train import train
from fasterseg.config import Recipe
from fasterseg.errors import FileError, UsageError
from fasterseg.network.bundle import ModelBundle, weights_digest
from fasterseg.pipeline.trainings.trainees import chosen_contenders
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Architecture, Branch, CellChoice
from fasterseg.stages import StageTimes
from fasterseg.training.beginning import TrainingStart

# Odd on purpose: no side is a multiple of any output stride.
SETTINGS = (
    "threads=1",
    "data.street.height=31",
    "data.street.width=33",
    "data.street.train=4",
    "data.street.val=1",
    "data.street.test=2",
    *(
        f"{role}.{setting}"
        for role in ("teacher", "student")
        for setting in (
            "steps=2",
            "batch_size=2",
            "precision=float32",
            "augmentation.crop_height=31",
            "augmentation.crop_width=33",
        )
    ),
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run in which a search has found two architectures."""
    run = RunFolder(tmp_path / "run")
    for name in ("teacher", "student"):
        branch = Branch(stride=8, cells=(CellChoice(kind="conv", expansion=1),))
        found = Architecture(widths={"stem": 1, "head": 1}, branches=(branch,))
        found.save(run.architecture(name))
    return run


def test_all_networks_are_trained_and_the_student_learns_from_the_teacher(run: RunFolder) -> None:
    result = train(data="street", run=run.root, set=SETTINGS)
    assert list(result.bundles) == ["teacher", "student"]
    start = TrainingStart.load(run.training("student").began)
    assert start.teacher == weights_digest(run.bundle("teacher"))
    assert TrainingStart.load(run.training("teacher").began).teacher == ""
    card = ModelBundle.load(Path(result.bundles["student"])).card
    assert card.training.teacher == start.teacher
    taught_by = card.training.taught_by
    assert taught_by is not None
    assert taught_by.answers == "kept"
    assert [one.digest for one in taught_by.teachers] == [start.teacher]
    assert "taught by teacher" in result.reports["student"]
    asked = StageTimes.of_run(run.root).stage("train/answers/student")
    assert asked is not None
    assert asked.finished
    assert card.training.terms == "made by this program; free of any terms"
    assert "bundle: " in result.describe()
    again = train(run=run.root)
    assert again == result


def test_a_teacher_is_asked_live_where_that_is_wanted(run: RunFolder) -> None:
    settings = (*SETTINGS, "student.distillation.answers=live")
    result = train(data="street", run=run.root, set=settings)
    start = TrainingStart.load(run.training("student").began)
    assert start.teacher == weights_digest(run.bundle("teacher"))
    assert not run.answers("").exists()
    taught_by = ModelBundle.load(Path(result.bundles["student"])).card.training.taught_by
    assert taught_by is not None
    assert taught_by.answers == "live"
    assert taught_by.teachers[0].name == "teacher"


@pytest.mark.parametrize("answers", ["kept", "live"])
def test_a_student_learns_from_images_without_labels_and_its_card_says_so(
    answers: str, run: RunFolder
) -> None:
    some = "data.street.unlabelled=3"
    settings = (*SETTINGS, some, f"student.distillation.answers={answers}")
    result = train(data="street", run=run.root, set=settings)
    starts = [TrainingStart.load(run.training(name).began) for name in ("teacher", "student")]
    assert [bool(start.unlabelled) for start in starts] == [False, True]
    taught_by = ModelBundle.load(Path(result.bundles["student"])).card.training.taught_by
    assert taught_by is not None
    assert taught_by.unlabelled is not None
    assert (taught_by.unlabelled.images, taught_by.unlabelled.places) == (3, 1)
    assert taught_by.unlabelled.digest == starts[1].unlabelled
    assert train(run=run.root) == result
    with pytest.raises(UsageError, match="the data differs") as refusal:
        train(run=run.root, set=("data.street.unlabelled=4",))
    assert "unlabelled of" in refusal.value.why


def test_images_without_labels_are_left_out_where_nothing_is_distilled(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = (*SETTINGS, "data.street.unlabelled=3", "student.distillation_weight=0")
    train("student", data="street", run=run.root, set=settings)
    assert capsys.readouterr().err.count("3 images without labels are not used: ") == 1
    assert TrainingStart.load(run.training("student").began).unlabelled == ""


def test_several_teachers_are_averaged_and_a_finished_student_needs_none(run: RunFolder) -> None:
    train("teacher", data="street", run=run.root, set=SETTINGS)
    named = [str(run.bundle("teacher", which)) for which in ("best", "ema")]
    result = train("student", run=run.root, teacher=named)
    taught_by = ModelBundle.load(Path(result.bundles["student"])).card.training.taught_by
    assert taught_by is not None
    assert len(taught_by.teachers) == 2
    assert "the mean of" in taught_by.describe()
    rmtree(run.answers(""))
    assert train("student", run=run.root, teacher=named) == result
    assert not run.answers("").exists()
    with pytest.raises(UsageError, match="differs from the one"):
        train("student", run=run.root, teacher=named[:1])


def test_an_architecture_from_elsewhere_is_trained_without_a_search(
    run: RunFolder, tmp_path: Path
) -> None:
    own = run.architecture("student").rename(tmp_path / "own.json")
    settings = (*SETTINGS, "student.distillation_weight=0")

    result = train("student", architecture=own, data="street", run=run.root, set=settings)

    assert list(result.bundles) == ["student"]
    kept = Architecture.load(run.architecture("student"))
    assert kept == Architecture.load(own)
    description = ModelBundle.load(Path(result.bundles["student"])).description
    assert description.architecture == kept
    assert train("student", architecture=own, run=run.root) == result


def test_an_architecture_is_for_one_contender_that_has_no_other(
    run: RunFolder, tmp_path: Path
) -> None:
    own = Architecture.load(run.architecture("student"))
    (branch,) = own.branches
    other = own.model_copy(
        update={"branches": (branch.model_copy(update={"cells": 2 * branch.cells}),)}
    )
    path = other.save(tmp_path / "other.json")
    with pytest.raises(UsageError, match="whose architecture"):
        train(architecture=path, data="street", run=run.root, set=SETTINGS)
    with pytest.raises(UsageError, match="another architecture"):
        train("student", architecture=path, data="street", run=run.root, set=SETTINGS)
    assert Architecture.load(run.architecture("student")) == own


def test_a_model_is_scored_at_native_resolution_on_the_data_of_its_run(run: RunFolder) -> None:
    model = train("teacher", data="street", run=run.root, set=SETTINGS).bundles["teacher"]
    result = evaluate(model)
    assert Path(result.file) == run.score("teacher", "test", which="best")
    report = result.report
    assert (report.split, report.images, report.resolution) == ("test", 2, "31x33")
    assert sum(map(sum, report.confusion)) <= 2 * 31 * 33
    assert "mIoU" in result.describe()
    assert evaluate(model) == result
    val = evaluate(model, split="val", out=run.root / "val.json")
    assert val.report.images == 1
    assert (result.note, val.note) == ("", "")
    known = evaluate(model, split="train+val", out=run.root / "known.json")
    assert known.note.startswith("it was trained on train of street, and scored on train+val")
    assert f"note: {known.note}" in known.describe()


def test_a_report_on_another_model_is_not_overwritten(run: RunFolder) -> None:
    model = train("teacher", data="street", run=run.root, set=SETTINGS).bundles["teacher"]
    evaluate(model, out=run.root / "score.json")
    with pytest.raises(UsageError, match="another model"):
        evaluate(model, split="val", out=run.root / "score.json")


def test_a_student_waits_for_its_teacher(run: RunFolder) -> None:
    with pytest.raises(FileError, match="not trained yet") as caught:
        train("student", data="street", run=run.root, set=SETTINGS)
    assert "train teacher" in caught.value.next_step


def test_training_waits_for_the_search(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no architecture") as caught:
        train(data="street", run=tmp_path, set=SETTINGS)
    assert "fasterseg search" in caught.value.next_step


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("teacher", "student"), "no architecture for student"),
        (("teacher", "random:student:1"), "the latency of student is not known"),
        (("baseline:fast-scnn", "random:student:1"), "the latency of student is not known"),
    ],
)
def test_what_a_later_training_lacks_is_told_before_the_first(
    names: tuple[str, ...], missing: str, run: RunFolder
) -> None:
    run.architecture("student").unlink()
    with pytest.raises(FileError, match=missing):
        train(*names, data="street", run=run.root, set=(*SETTINGS, "space.layers=3"))
    assert not run.training("").root.exists()


@pytest.mark.usefixtures("shipped_models")
def test_a_teacher_of_other_classes_is_told_before_the_run_s_own_is_trained(
    run: RunFolder,
) -> None:
    with pytest.raises(UsageError, match="does not know a class"):
        train(teacher="camvid-4ms", data="street", run=run.root, set=SETTINGS)
    assert not run.training("").root.exists()


def test_teachers_come_first_and_an_unknown_name_is_refused() -> None:
    recipe = Recipe()
    assert [c.name for c in chosen_contenders(recipe, ("student", "teacher"))] == [
        "teacher",
        "student",
    ]
    with pytest.raises(UsageError, match="no contender 'pupil'"):
        chosen_contenders(recipe, ("pupil",))


@pytest.mark.usefixtures("shipped_models")
def test_scoring_without_any_data_is_refused() -> None:
    with pytest.raises(UsageError, match="no data"):
        evaluate("camvid-8ms")


def test_the_command_line_gives_the_same_and_its_exit_codes(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = [word for setting in SETTINGS for word in ("--set", setting)]
    words = ["--data", "street", "--run", str(run.root), *changes]
    assert main(["train", "teacher", *words, "--json"]) == 0
    bundle = json.loads(capsys.readouterr().out)["bundles"]["teacher"]
    assert main(["evaluate", bundle, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"]["resolution"] == "31x33"
    assert main(["evaluate", bundle + "x"]) == 2
    assert "did you mean" in capsys.readouterr().err
    assert main(["evaluate", str(run.training("teacher").root)]) == 3
    assert str(run.bundle("teacher")) in capsys.readouterr().err
