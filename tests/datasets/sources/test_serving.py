"""What check-data says of the splits that a run will use."""

from __future__ import annotations

from pathlib import Path

import pytest
from own_data import own_data

from fasterseg.datasets.checking import check_data
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.serving import note_on_scores

PLAIN = {"train": 3, "val": 2, "test": 2}


def notes_of(data: Path) -> str:
    return "\n".join(check_data(data).notes)


def test_nothing_is_said_where_a_run_finds_all_that_it_needs(tmp_path: Path) -> None:
    notes = notes_of(own_data(tmp_path, PLAIN))
    assert "a run" not in notes
    assert "search" not in notes


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"train": 3, "val": 2}, "val is scored at the end of a run: there is no test"),
        ({"train": 3, "test": 2}, "there is no val: a run needs"),
        ({"test": 3}, "there is no train: models can be scored on these images"),
        ({"train": 1, "val": 1, "test": 1}, "two halves for a search"),
    ],
)
def test_what_a_run_will_miss_is_told_with_the_data(
    counts: dict[str, int], said: str, tmp_path: Path
) -> None:
    assert said in notes_of(own_data(tmp_path, counts))


@pytest.mark.parametrize(
    ("scored", "said"),
    [
        ("test", ""),
        ("val", "val is scored at the end of a run, not test; it also chooses"),
        ("val+test", "val+test is scored at the end of a run; it also chooses"),
        ("train", "train is scored at the end of a run, and networks are trained on"),
    ],
)
def test_scores_on_images_that_chose_or_taught_are_never_called_a_test(
    scored: str, said: str, tmp_path: Path
) -> None:
    source = open_data(own_data(tmp_path, PLAIN))
    notes = note_on_scores(source, scored=scored, chosen_by="val", trained_on=["train"])
    assert " ".join(notes).startswith(said)
    assert bool(notes) == bool(said)
