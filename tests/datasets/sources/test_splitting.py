from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sample import Recorded
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.sources.splitting import (
    ENOUGH_RECORDINGS,
    Halves,
    halves_of,
    split_halves,
    split_stretches,
)
from fasterseg.errors import DataError

MakeFolder = Callable[..., Path]


def test_halves_are_disjoint_and_whole() -> None:
    weights, architecture = split_halves([f"name{i}" for i in range(101)], 3)

    assert sorted(weights + architecture) == list(range(101))
    assert (len(weights), len(architecture)) == (51, 50)


def test_halves_do_not_depend_on_the_order_of_the_names() -> None:
    names = [f"name{i}" for i in range(40)]
    turned = names[::-1]

    assert {names[i] for i in split_halves(names, 1)[0]} == {
        turned[i] for i in split_halves(turned, 1)[0]
    }
    assert split_halves(names, 1) != split_halves(names, 2)


def test_halves_are_equal_in_three_processes() -> None:
    program = (
        "from fasterseg.datasets.sources.splitting import split_halves;"
        "print(split_halves([f'scene {i}' for i in range(30)], 7))"
    )
    source = Path(__file__).parents[3] / "src"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": str(run), "PYTHONPATH": str(source)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for run in range(3)
    ]

    seen = {process.communicate(timeout=60)[0] for process in processes}

    assert seen == {f"{split_halves([f'scene {i}' for i in range(30)], 7)}\n"}


def test_images_of_a_group_stay_in_one_half() -> None:
    groups = [f"drive {index // 7}" for index in range(100)]

    weights, architecture = split_halves([f"name{i}" for i in range(100)], 3, groups=groups)

    assert sorted(weights + architecture) == list(range(100))
    assert not {groups[i] for i in weights} & {groups[i] for i in architecture}
    assert 50 <= len(weights) < 57
    assert split_halves([""] * 100, 4, groups=groups) != (weights, architecture)


def test_of_several_groups_each_half_has_one_however_large_the_last() -> None:
    groups = ["short"] * 2 + ["longer"] * 3 + ["longest"] * 20
    for seed in range(12):
        weights, architecture = split_halves([""] * 25, seed, groups=groups)
        assert weights
        assert architecture
        assert not {groups[i] for i in weights} & {groups[i] for i in architecture}


def drive(recording: str, frames: Sequence[int]) -> list[Recorded]:
    """Frames of a recording, called by numbers without zeros in front."""
    return [Recorded(recording, f"{recording}_{frame}") for frame in frames]


def cuts(recorded: Sequence[Recorded], halves: Halves) -> int:
    """How many images of the architecture's half follow, or are followed by, one of the other."""
    weights = set(halves[0])
    return sum(
        any(
            other in weights and recorded[other].recording == recorded[index].recording
            for other in (index - 1, index + 1)
        )
        for index in halves[1]
    )


def test_a_recording_is_cut_once_so_that_what_follows_one_another_stays_together() -> None:
    recorded = [*drive("a", range(0, 210, 30)), *drive("b", range(31)), *drive("c", range(8))]
    for seed in range(8):
        weights, architecture = halves = split_stretches(recorded, seed)
        assert sorted(weights + architecture) == list(range(len(recorded)))
        assert len(weights) - len(architecture) in (-1, 0, 1)
        assert cuts(recorded, halves) == 3
    assert split_stretches(recorded, 0) == split_stretches(recorded, 0)
    assert len({split_stretches(recorded, seed) for seed in range(8)}) > 1


def camvid_of(root: Path, recordings: int, frames: int) -> DataSource:
    """A data set in CamVid's layout; only the names of its files are looked at."""
    for folder in ("train", "trainannot"):
        (root / folder).mkdir(parents=True)
        for recording in range(recordings):
            for frame in range(frames):
                (root / folder / f"Seq{recording:02}_{frame:05}.png").touch()
    return open_data(root)


def test_camvid_s_recordings_stay_whole_where_there_are_enough_and_are_cut_where_there_are_few(
    tmp_path: Path,
) -> None:
    def shared(source: DataSource) -> set[str]:
        names = source.names("train")
        weights, architecture = halves_of(source, "train", 0)
        return {names[i][:5] for i in weights} & {names[i][:5] for i in architecture}

    assert len(shared(camvid_of(tmp_path / "few", 3, 6))) == 3
    assert shared(camvid_of(tmp_path / "many", ENOUGH_RECORDINGS, 3)) == set()


def test_camvid_s_halves_share_a_second_only_where_its_three_recordings_are_cut(
    camvid: Path,
) -> None:
    source = open_data(camvid)
    assert not source.groups, "published splits share recordings, which is no fault"
    names = source.names("train")
    recorded = [Recorded(name.split("_")[0], name) for name in names]
    before = cuts(recorded, split_halves(names, 0))
    halves = halves_of(source, "train", 0)
    after = cuts(recorded, halves)
    print(f"next to an image of the other half: {before}, now {after}, of {len(halves[1])}")
    assert (before, after, len(halves[1])) == (138, 3, 183)


def test_what_cannot_be_halved_is_told_with_the_way_out(make_folder: MakeFolder) -> None:
    root = make_folder()
    assert all(halves_of(open_data(root), "train", 0))
    text = (root / "data.yaml").read_text()
    (root / "data.yaml").write_text(text + "groups: '^[a-z]+'\n")
    with pytest.raises(DataError, match="cannot be divided") as caught:
        halves_of(open_data(root), "train", 0)
    assert "6 images are of one recording" in caught.value.why
    (root / "data.yaml").write_text(text)  # as it says: without groups
    assert all(halves_of(open_data(root), "train", 0))

    for kind in ("images", "masks"):
        for file in sorted((root / kind / "train").iterdir())[1:]:
            file.unlink()
    with pytest.raises(DataError, match="cannot be divided") as caught:
        halves_of(open_data(root), "train", 0)
    assert "1 image" in caught.value.why
    assert "data.train_split" in caught.value.next_step
