"""A teacher that cannot teach, or whose answers have no room, is told of before hours are spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_export import faithful, origin

from fasterseg.config import build_recipe
from fasterseg.errors import EnvironmentFault, FastersegError, UsageError
from fasterseg.network.bundle import weights_digest
from fasterseg.pipeline.opening import open_settled
from fasterseg.pipeline.preflight.ahead import Ahead
from fasterseg.pipeline.preflight.stages import needs_of
from fasterseg.pipeline.preflight.teachers import a_teacher
from fasterseg.pipeline.trainings import answers_room
from fasterseg.pipeline.trainings.teachers import note_on_teachers
from fasterseg.runs import RunFolder
from fasterseg.training.beginning import TrainingStart
from fasterseg.verbs import STAGES

TINY = Path(__file__).parents[1] / "tiny.yaml"


def ahead_of(folder: Path, *changes: str, teachers: tuple[Path, ...] = ()) -> Ahead:
    """What is ahead of a tiny run on street scenes whose students learn from these models."""
    named = ", ".join(f"'{one}'" for one in teachers)
    more = (f"student.distillation.teachers=[{named}]",) if teachers else ()
    recipe, source = open_settled(build_recipe(TINY, overrides=(*more, *changes)))
    return Ahead.of(recipe, RunFolder(folder / "run"), source, device="cpu")


def bundle(folder: Path) -> Path:
    """A trained network on the same classes."""
    made: Path = origin().bundle.save(folder / "large")
    return made


def test_it_is_asked_before_the_search_and_for_a_plan_too(tmp_path: Path) -> None:
    assert a_teacher in needs_of(STAGES)
    assert a_teacher in needs_of(STAGES, timed=True)
    assert a_teacher not in needs_of(("profile", "search"))


@pytest.mark.parametrize("changes", [(), ("student.distillation_weight=0",)])
def test_a_run_s_own_teacher_needs_not_be_there_yet(
    tmp_path: Path, changes: tuple[str, ...]
) -> None:
    a_teacher(ahead_of(tmp_path, *changes))


def test_a_bundle_and_several_models_can_teach(tmp_path: Path) -> None:
    file = tmp_path / "large.onnx"
    file.write_bytes(faithful("low-resolution-logits"))
    a_teacher(ahead_of(tmp_path, teachers=(bundle(tmp_path), file)))


def refused(ahead: Ahead, kind: type[FastersegError], match: str) -> FastersegError:
    """The refusal, which has a next step."""
    with pytest.raises(kind, match=match) as caught:
        a_teacher(ahead)
    assert caught.value.next_step
    return caught.value


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    refused(ahead_of(tmp_path, teachers=(tmp_path / "nowhere",)), UsageError, "no model")


def test_a_file_of_labels_is_told(tmp_path: Path) -> None:
    file = tmp_path / "labels.onnx"
    file.write_bytes(faithful("labels"))
    refused(ahead_of(tmp_path, teachers=(file,)), UsageError, "labels")


@pytest.mark.usefixtures("shipped_models")
def test_a_teacher_of_other_classes_is_told(tmp_path: Path) -> None:
    refused(ahead_of(tmp_path, teachers=(Path("camvid-4ms"),)), UsageError, "class")


@pytest.mark.parametrize("several", [False, True])
def test_what_cannot_be_asked_live_is_told(tmp_path: Path, several: bool) -> None:
    file = tmp_path / "large.onnx"
    file.write_bytes(faithful("low-resolution-logits"))
    models = (bundle(tmp_path), file) if several else (file,)
    told = refused(
        ahead_of(tmp_path, "student.distillation.answers=live", teachers=models),
        UsageError,
        "cannot be asked at every step",
    )
    assert "answers=kept" in told.next_step


def test_a_function_that_may_move_pixels_is_told_where_answers_are_kept(tmp_path: Path) -> None:
    function = "student.augmentation.function=mine:fog"
    told = refused(ahead_of(tmp_path, function), UsageError, "cannot follow the function")
    assert "student.distillation.answers=live" in told.next_step
    a_teacher(ahead_of(tmp_path, function, "student.distillation.answers=live"))
    a_teacher(ahead_of(tmp_path, function, "student.distillation_weight=0"))


def test_answers_beyond_what_they_may_take_are_told_with_what_they_would(tmp_path: Path) -> None:
    # 8 images of 32x64 pixels: 4 x 8 places of 9 classes, two bytes each.
    needed = 8 * 4 * 8 * 9 * 2
    told = refused(
        ahead_of(tmp_path, "student.distillation.most_disk=4kB"), UsageError, "than they may"
    )
    assert f"{needed / 1e6:.1f} MB" in told.why
    assert "--set student.distillation.most_disk=1MB" in told.next_step
    a_teacher(ahead_of(tmp_path, "student.distillation.most_disk=1MB"))


def test_a_disk_that_has_no_room_for_them_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers_room, "free_disk_bytes", lambda _: 1000)
    told = refused(ahead_of(tmp_path), EnvironmentFault, "not enough room")
    assert "--run" in told.next_step


def begun(folder: Path, teacher: str) -> None:
    """A student whose training began with a teacher of this digest."""
    ahead = ahead_of(folder)
    training = ahead.run.training("student")
    start: dict[str, Any] = {
        "name": "student",
        "network": "sha256:0",
        "settings": ahead.recipe.student,
        "data": "street",
        "train_split": "train",
        "train_digest": "",
        "val_split": "val",
        "val_digest": "",
        "val_images": None,
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
        "teacher": teacher,
        "seed": 0,
        "device": "cpu",
        "precision": "float32",
    }
    TrainingStart.model_validate(start).save(training.began)
    step = training.checkpoints / "step-00000002"
    step.mkdir(parents=True)
    for name in ("values.json", "tensors.safetensors", "manifest.json"):
        (step / name).write_text("{}")


def test_a_teacher_that_changed_since_its_student_began_is_told(tmp_path: Path) -> None:
    place = bundle(tmp_path)
    begun(tmp_path, weights_digest(place))
    a_teacher(ahead_of(tmp_path, teachers=(place,)))
    begun_with_another = tmp_path / "other"
    begun(begun_with_another, "sha256:" + 64 * "e")
    told = refused(
        ahead_of(begun_with_another, teachers=(place,)), UsageError, "not the one that it began"
    )
    assert 12 * "e" in told.why
    assert "--teacher" in told.next_step


def test_a_teacher_of_the_run_that_teaches_nobody_is_spoken_of(tmp_path: Path) -> None:
    assert note_on_teachers(ahead_of(tmp_path).recipe) == ""
    named = ahead_of(tmp_path, teachers=(Path("camvid-4ms"),)).recipe
    assert "camvid-4ms" in note_on_teachers(named)
    assert "teaches nobody" in note_on_teachers(named)
