"""What a plan times of a teacher: one image, at all that it is to see; a step without it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_export import origin
from tiny_training import tiny_architecture

from fasterseg.config import Recipe, build_recipe
from fasterseg.events import silent
from fasterseg.pipeline.opening import open_settled
from fasterseg.pipeline.planning.probes import networks
from fasterseg.pipeline.planning.probes.answers import MadeUpAnswers, probe_answers
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.training.task import KeptTeacher, Teacher

TINY = Path(__file__).parents[1] / "tiny.yaml"
CLASSES, HEIGHT, WIDTH = 9, 32, 64


def recipe_with(*changes: str) -> Recipe:
    """The tiny recipe, settled."""
    recipe, _ = open_settled(build_recipe(TINY, overrides=changes))
    return recipe


def job_of(recipe: Recipe, kind: str, *, own: bool = True) -> Job:
    """A job with the run's own teacher, or with none."""
    given = {"kind": kind, "recipe": recipe, "device": "cpu", "seconds": 0.0}
    network = tiny_architecture()
    return Job.model_validate(
        {**given, "architecture": network, "taught_by": network if own else None}
    )


def test_a_network_like_the_run_s_own_teacher_is_asked(tmp_path: Path) -> None:
    found = probe_answers(job_of(recipe_with(), "answers"), tmp_path / "job", silent)
    assert found.image_bytes == 2 * CLASSES * (HEIGHT // 8) * (WIDTH // 8)
    assert found.image_seconds > 0
    assert found.peak_bytes > 0


def test_the_models_that_the_recipe_names_are_asked(tmp_path: Path) -> None:
    place = origin().bundle.save(tmp_path / "large")
    recipe = recipe_with(f"student.distillation.teachers=['{place}']")
    found = probe_answers(job_of(recipe, "answers", own=False), tmp_path / "job", silent)
    assert found.image_bytes == 2 * CLASSES * (HEIGHT // 8) * (WIDTH // 8)


@pytest.mark.parametrize("answers", ["kept", "live"])
def test_a_student_s_step_runs_its_teacher_only_where_it_is_asked_live(answers: str) -> None:
    recipe = recipe_with(f"student.distillation.answers={answers}")
    _, source = open_settled(recipe)
    task = networks._task(job_of(recipe, "training"), source)
    kind, read = (KeptTeacher, MadeUpAnswers) if answers == "kept" else (Teacher, type(None))
    assert isinstance(task.teacher, kind)
    assert isinstance(task.data.answers, read)
    batch = task.data.batches(task.settings.augmentation, batch_size=2, seed=0).batch(0)
    assert (batch.answers is not None) == (answers == "kept")
