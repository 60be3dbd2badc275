"""Asking a teacher before a student's first step: once, for all students, whatever stops it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fasterseg.callbacks import AnswersKept, RunEvent, StageEnded
from fasterseg.config import Recipe
from fasterseg.datasets.street import StreetScenes
from fasterseg.errors import Interrupted
from fasterseg.events import Progress
from fasterseg.network.teacher_facts import TeacherFacts
from fasterseg.pipeline.trainings import answering
from fasterseg.pipeline.trainings.answering import TeacherQueries, note_on_answers
from fasterseg.runs import RunFolder
from fasterseg.stages import StageTimes, Watch
from fasterseg.stopping import StopRequest
from fasterseg.teaching.answers import Answers
from fasterseg.training.task import KeptTeacher

IMAGES = 5
SOURCE = StreetScenes(size=(32, 48), counts={"train": IMAGES, "val": 2})


@dataclass
class FakeTeacher:
    """Says of a picture how bright it is, and counts how often it was asked."""

    digest: str = "sha256:1"
    classes: int = 9
    stride: int = 8
    asked: list[float] = field(default_factory=list)

    @property
    def facts(self) -> tuple[TeacherFacts, ...]:
        return (TeacherFacts(name="bright", digest=self.digest),)

    def logits(self, image: Any) -> Any:
        self.asked.append(float(image.mean()))
        return np.full((self.classes, 4, 6), image.mean(), dtype=np.float32)


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch) -> FakeTeacher:
    """Whom every student learns from."""
    fake = FakeTeacher()
    monkeypatch.setattr(answering, "asked_teacher", lambda *_: fake)
    return fake


class Display:
    """Remembers what was shown, and asks for a stop once so many images are done."""

    def __init__(self, stop: StopRequest | None = None, *, after: int = -1) -> None:
        self.stop, self.after = stop, after
        self.shown: list[tuple[str, int, int]] = []

    @contextmanager
    def __call__(self, title: str, *, total: int, unit: str = "steps") -> Iterator[Progress]:
        def step(done: int, all_: int, _note: str) -> None:
            self.shown.append((title, done, all_))
            if self.stop is not None and done == self.after:
                self.stop.signal_name = "SIGTERM"

        assert unit == "images"
        yield step


def lessons(folder: Path, **distillation: Any) -> TeacherQueries:
    """In a run in that folder."""
    student = {"steps": 2, "distillation": distillation}
    return TeacherQueries(
        Recipe.model_validate({"student": student}), RunFolder(folder), SOURCE, "cpu"
    )


def test_each_image_is_asked_about_once_and_the_answer_is_that_image_s(
    teacher: FakeTeacher, tmp_path: Path
) -> None:
    display = Display()
    taught = lessons(tmp_path).taught_by(("m",), "student", Watch(tmp_path, display))
    assert len(teacher.asked) == IMAGES
    assert display.shown == [("Asking the teacher", done, IMAGES) for done in range(IMAGES + 1)]
    assert isinstance(taught.teacher, KeptTeacher)
    assert taught.teacher.digest == teacher.digest
    assert taught.answers is not None
    for index in range(IMAGES):
        mean = np.float16(SOURCE.sample("train", index).image.mean())
        assert (taught.answers.answer(index) == mean).all()


def test_what_it_took_stands_beside_the_stages_and_is_told(
    teacher: FakeTeacher, tmp_path: Path
) -> None:
    heard: list[RunEvent] = []
    taught = lessons(tmp_path).taught_by(("m",), "s", Watch(tmp_path, Display(), hear=heard.append))
    (noted,) = StageTimes.of_run(tmp_path).stages
    assert (noted.name, noted.finished) == ("train/answers/s", True)
    (told,) = (event for event in heard if isinstance(event, AnswersKept))
    assert isinstance(taught.answers, Answers)
    assert (told.images, told.folder) == (IMAGES, taught.answers.folder)
    assert told.size_bytes == taught.answers.facts.size_bytes > 0
    assert told.teachers == ("bright",)


def test_a_second_student_and_a_resumed_run_ask_nothing(
    teacher: FakeTeacher, tmp_path: Path
) -> None:
    first = lessons(tmp_path).taught_by(("m",), "fast", Watch(tmp_path, Display()))
    display = Display()
    second = lessons(tmp_path).taught_by(("m",), "slow", Watch(tmp_path, display))
    assert len(teacher.asked) == IMAGES
    assert display.shown == []
    assert second.answers == first.answers


@pytest.mark.parametrize("after", [0, 2, IMAGES - 1])
def test_an_asking_that_is_stopped_keeps_what_it_has_and_goes_on(
    teacher: FakeTeacher, tmp_path: Path, after: int
) -> None:
    stop, heard = StopRequest(), list[RunEvent]()
    watch = Watch(tmp_path, Display(stop, after=after), stop, heard.append)
    with pytest.raises(Interrupted, match="SIGTERM"):
        lessons(tmp_path).taught_by(("m",), "student", watch)
    assert len(teacher.asked) == after
    assert not any(isinstance(event, AnswersKept) for event in heard)
    assert [event.finished for event in heard if isinstance(event, StageEnded)] == [False]
    display = Display()
    lessons(tmp_path).taught_by(("m",), "student", Watch(tmp_path, display))
    assert len(teacher.asked) == IMAGES
    assert len(set(teacher.asked)) == IMAGES, "no image twice"
    assert display.shown[0][1:] == (after, IMAGES)


def test_a_damaged_answer_is_asked_for_again_before_a_resumed_training(
    teacher: FakeTeacher, tmp_path: Path
) -> None:
    taught = lessons(tmp_path).taught_by(("m",), "student", Watch(tmp_path, Display()))
    assert isinstance(taught.answers, Answers)
    path = taught.answers.folder / "000003.answer"
    whole = path.read_bytes()
    path.write_bytes(whole[:-2])
    lessons(tmp_path).taught_by(("m",), "student", Watch(tmp_path, Display()))
    assert path.read_bytes() == whole
    assert len(teacher.asked) == IMAGES + 1


def test_another_teacher_and_another_way_of_asking_have_answers_of_their_own(
    teacher: FakeTeacher, tmp_path: Path
) -> None:
    watch = Watch(tmp_path, Display())
    lessons(tmp_path).taught_by(("m",), "student", watch)
    lessons(tmp_path, flip=True).taught_by(("m",), "student", watch)
    teacher.digest = "sha256:2"
    lessons(tmp_path).taught_by(("m",), "student", watch)
    assert len(list((tmp_path / "answers").iterdir())) == 3


def test_images_without_labels_are_asked_about_in_the_same_part(
    teacher: FakeTeacher, tmp_path: Path
) -> None:
    counts = {"train": IMAGES, "val": 2}
    source = StreetScenes(size=(32, 48), counts={**counts, "unlabelled": 3})
    display, heard = Display(), list[RunEvent]()
    asked = replace(lessons(tmp_path), source=source)
    taught = asked.taught_by(("m",), "student", Watch(tmp_path, display, hear=heard.append))
    assert len(teacher.asked) == IMAGES + 3
    assert display.shown[-1] == ("Asking the teacher", IMAGES + 3, IMAGES + 3)
    assert isinstance(taught.teacher, KeptTeacher)
    assert taught.unlabelled is not None
    assert taught.unlabelled.places == 4, "half of the batch"
    lone = taught.unlabelled.answers
    assert isinstance(lone, Answers)
    assert taught.teacher.unlabelled == lone.folder
    assert lone.facts.images == 3
    assert taught.facts is not None
    known = taught.facts.unlabelled
    assert known is not None
    assert (known.images, known.places) == (3, 4)
    assert known.digest == source.digest("unlabelled")
    told = [event.split for event in heard if isinstance(event, AnswersKept)]
    assert told == ["train", "unlabelled"]
    none = replace(lessons(tmp_path / "none", unlabelled_share=0), source=source)
    assert none.taught_by(("m",), "student", Watch(tmp_path, Display())).unlabelled is None


def test_what_a_card_says_is_how_it_was_asked(teacher: FakeTeacher, tmp_path: Path) -> None:
    asked = lessons(tmp_path, scales=[0.75, 1.0], flip=True, temperature=2.0, schedule="falling")
    facts = asked.taught_by(("m",), "student", Watch(tmp_path, Display())).facts
    assert facts is not None
    assert [one.name for one in facts.teachers] == ["bright"]
    assert (facts.answers, facts.scales, facts.flip) == ("kept", (0.75, 1.0), True)
    assert (facts.temperature, facts.weight, facts.schedule) == (2.0, 1.0, "falling")


def test_a_finished_run_says_how_to_free_the_disk(teacher: FakeTeacher, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert note_on_answers(run) == ""
    lessons(tmp_path).taught_by(("m",), "student", Watch(tmp_path, Display()))
    assert "delete that folder to free the disk" in note_on_answers(run)
    run.training("student").checkpoints.mkdir(parents=True)
    assert note_on_answers(run) == "", "a training that has not ended needs them"
