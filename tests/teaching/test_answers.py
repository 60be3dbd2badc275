"""Kept answers: what is read is what was kept, and what is damaged is asked for again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answers_given import FACTS_OF_FOUR, give_answers
from killing import Victims

from fasterseg.errors import DataError, FileError, UsageError
from fasterseg.teaching.answers import FACTS, Answers, AnswersFacts

CLASSES, IMAGES = 3, 4


def facts(**changes: Any) -> AnswersFacts:
    """Of a teacher that was asked about four images."""
    known = {
        "teacher": "sha256:1",
        "teachers": ("teacher",),
        "data": "sha256:2",
        "split": "train",
        "images": IMAGES,
        "classes": CLASSES,
        "stride": 8,
    }
    return AnswersFacts.model_validate({**known, **changes})


def logits(index: int, classes: int = CLASSES) -> Any:
    """An answer whose size depends on the image, as images of several sizes have it."""
    return np.random.default_rng(index).normal(size=(classes, 4 + index, 6)).astype(np.float32)


def kept(folder: Path) -> Answers:
    """All four, kept."""
    answers = Answers.of(folder, facts())
    for index in range(IMAGES):
        answers.keep(index, logits(index))
    return answers.finish()


def test_what_is_read_is_what_was_kept_in_half_precision(tmp_path: Path) -> None:
    kept(tmp_path)
    again = Answers.of(tmp_path, facts())
    assert again.complete
    assert again.missing() == []
    assert again.stride == 8
    for index in range(IMAGES):
        found = again.answer(index)
        assert found.dtype == np.float32
        assert np.array_equal(found, logits(index).astype(np.float16).astype(np.float32))


def test_its_facts_say_what_all_of_them_take(tmp_path: Path) -> None:
    answers = kept(tmp_path)
    files = [path for path in answers.folder.iterdir() if path.name != FACTS]
    assert len(files) == IMAGES
    assert answers.facts.size_bytes == sum(path.stat().st_size for path in files)
    values = sum(logits(index).size for index in range(IMAGES))
    assert answers.facts.size_bytes == 2 * values + 16 * IMAGES


def test_an_asking_that_was_stopped_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    answers = Answers.of(tmp_path, facts())
    answers.keep(2, logits(2))
    again = Answers.of(tmp_path, facts())
    assert not again.complete
    assert again.missing() == [0, 1, 3]


@pytest.mark.parametrize("length", [0, 3, 16, 100])
def test_a_file_that_was_cut_short_is_missing(tmp_path: Path, length: int) -> None:
    answers = kept(tmp_path)
    path = answers.folder / "000001.answer"
    path.write_bytes(path.read_bytes()[:length])
    assert answers.missing() == [1]
    with pytest.raises(FileError, match="missing or damaged") as caught:
        answers.answer(1)
    assert str(path) == caught.value.where


def test_a_flipped_bit_in_a_value_is_told_and_the_next_step_works(tmp_path: Path) -> None:
    answers = kept(tmp_path)
    path = answers.folder / "000003.answer"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileError, match="missing or damaged") as caught:
        answers.answer(3)
    assert "delete it" in caught.value.next_step
    path.unlink()
    assert Answers.of(tmp_path, facts()).missing() == [3]


@pytest.mark.parametrize("place", range(12))
def test_no_head_makes_more_of_a_file_than_it_holds(tmp_path: Path, place: int) -> None:
    answers = kept(tmp_path)
    path = answers.folder / "000000.answer"
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    assert answers.missing() == [0]


@pytest.mark.parametrize(
    "changes",
    [
        {"teacher": "sha256:3"},
        {"data": "sha256:3"},
        {"split": "train+val"},
        {"scales": (0.75, 1.0)},
        {"flip": True},
    ],
)
def test_whatever_else_is_asked_has_a_folder_of_its_own(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    first, other = kept(tmp_path), Answers.of(tmp_path, facts(**changes))
    assert first.folder != other.folder
    assert len(other.missing()) == IMAGES


def test_what_a_teacher_is_called_changes_nothing(tmp_path: Path) -> None:
    assert Answers.of(tmp_path, facts(teachers=("other",))).folder == kept(tmp_path).folder


def test_a_folder_with_another_s_facts_is_refused(tmp_path: Path) -> None:
    answers = kept(tmp_path)
    facts(teacher="sha256:9").save(answers.folder / FACTS)
    with pytest.raises(UsageError, match="answers of a teacher differs"):
        Answers.of(tmp_path, facts())


def test_an_answer_of_other_classes_or_with_no_number_is_none(tmp_path: Path) -> None:
    answers = Answers.of(tmp_path, facts())
    with pytest.raises(DataError, match="none to learn from"):
        answers.keep(0, logits(0, classes=2))
    broken = logits(0)
    broken[0, 0, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        answers.keep(0, broken)
    assert len(answers.missing()) == IMAGES


def test_what_half_precision_cannot_hold_is_its_largest(tmp_path: Path) -> None:
    answers = Answers.of(tmp_path, facts())
    answers.keep(0, 1e6 * logits(0))
    assert np.isfinite(answers.answer(0)).all()


def test_another_process_finds_the_folder_or_says_what_to_do(tmp_path: Path) -> None:
    answers = kept(tmp_path)
    assert Answers.kept_in(answers.folder, teacher="sha256:1").complete
    for folder, teacher in ((tmp_path / "no", "sha256:1"), (answers.folder, "sha256:2")):
        with pytest.raises(DataError, match="not to be found by this process") as caught:
            Answers.kept_in(folder, teacher=teacher)
        assert "student.distillation.answers=live" in caught.value.next_step


def test_whoever_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    def contents(folder: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != FACTS}

    whole = contents(give_answers(tmp_path / "whole").folder)
    with Victims() as victims:
        victims.kill("answers_given:give_answers", tmp_path / "killed", moment="write", count=3)
    left = Answers.of(tmp_path / "killed", FACTS_OF_FOUR).missing()

    assert 0 < len(left) < 4
    assert contents(give_answers(tmp_path / "killed").folder) == whole
