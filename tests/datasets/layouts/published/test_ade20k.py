from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tool_sets import ade20k_set, zipped

from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sources.source import DataSource
from fasterseg.errors import DataError

ReadsAs = Callable[..., DataSource]
NAMES = ("wall", "building", "sky", "floor", "tree", "road", "bed", "windowpane")
NAMES += ("screen door", "screen")


@pytest.mark.parametrize("packed", [True, False])
def test_the_challenge_is_read_to_the_bit_and_0_never_counts(
    packed: bool, tmp_path: Path, reads_as: ReadsAs
) -> None:
    truth = ade20k_set(tmp_path / "a" / "ADEChallengeData2016", {"training": 2, "validation": 1})
    where = zipped(tmp_path / "a", tmp_path / "ADEChallengeData2016.zip") if packed else tmp_path

    source = reads_as(where, {"train": truth["training"], "val": truth["validation"]})

    assert source.label_space.names == NAMES
    assert source.scored == "val"
    assert "ADE20K" in source.terms


def test_the_table_with_commas_names_the_same_classes(tmp_path: Path) -> None:
    ade20k_set(tmp_path, {"training": 1})
    (tmp_path / "objectInfo150.txt").unlink()
    rows = [f"{i},0.1,10,1,{i % 2},{name}" for i, name in enumerate(NAMES, 1)]
    (tmp_path / "objectInfo150.csv").write_text(
        "\n".join(["Idx,Ratio,Train,Val,Stuff,Name", *rows]).replace("floor", "floor;flooring")
    )

    assert open_data(tmp_path).label_space.names == NAMES


def test_one_word_for_two_classes_is_told_apart_by_their_other_words(tmp_path: Path) -> None:
    ade20k_set(tmp_path, {"training": 1})
    text = (tmp_path / "objectInfo150.txt").read_text().replace("screen door,", "screen,")
    (tmp_path / "objectInfo150.txt").write_text(text)

    assert open_data(tmp_path).label_space.names[-2:] == ("screen, screen", "screen, silver screen")


def test_object_information_with_a_gap_is_refused(tmp_path: Path) -> None:
    ade20k_set(tmp_path, {"training": 1})
    lines = (tmp_path / "objectInfo150.txt").read_text().splitlines()
    (tmp_path / "objectInfo150.txt").write_text("\n".join(lines[:3] + lines[4:]))

    with pytest.raises(DataError, match="does not name classes 1, 2, 3"):
        open_data(tmp_path)
