"""What is taken for a recording, by the names of its images alone."""

from __future__ import annotations

import pytest

from fasterseg.datasets.data_files.groups import found_in, require_pattern
from fasterseg.datasets.splits.recordings import recordings_of


def frames(form: str, count: int = 10, **given: object) -> list[str]:
    return [form.format(number, **given) for number in range(count)]


def several(form: str, recordings: str | list[str], count: int = 10) -> list[str]:
    return [name for one in recordings for name in frames(form, count, rec=one)]


FOUND: dict[str, tuple[list[str], set[str]]] = {
    "recordings before a number": (several("rec{rec}_{0:04d}", "123"), {"rec1", "rec2", "rec3"}),
    "CamVid's": (
        [*frames("0016E5_{0:05d}"), *frames("Seq05VD_f{0:05d}")],
        {"0016E5", "Seq05VD"},
    ),
    "letters apart": (several("drive{rec}_{0}", "AB"), {"driveA", "driveB"}),
    "a word after the number": (
        several("{rec}_{0:06d}_colour", ["aachen", "bonn"]),
        {"aachen", "bonn"},
    ),
    "numbers of recordings": (several("{rec}_{0:06d}", ["0001", "0002"]), {"0001", "0002"}),
    "folders": (several("{rec}/{0:06d}", "abc"), {"a/", "b/", "c/"}),
    "folders in one folder": (
        several("site/{rec}/{0:06d}", "abc"),
        {"site/a/", "site/b/", "site/c/"},
    ),
    "cameras of three drives": (
        [name for cam in ("l", "r") for name in several("{rec}/" + cam + "/{0}", "abc")],
        {"a/", "b/", "c/"},
    ),
    "two folders": (several("{rec}/{0:06d}", "ab"), {"a/", "b/"}),
    "copies of photos that Roboflow made": (
        [f"{name}_jpg.rf.{copy}0f3a" for name in ("door", "car", "dog") for copy in "abc"],
        {"door", "car", "dog"},
    ),
    "copies of frames of recordings": (
        [f"{name}_jpg.rf.{copy}0f3a" for name in several("v{rec}_{0}", "12") for copy in "abc"],
        {"v1", "v2"},
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_recordings_are_found(name: str) -> None:
    names, wanted = FOUND[name]
    found = recordings_of(names)

    assert {*found.of} == wanted
    assert found.together


@pytest.mark.parametrize("name", FOUND)
def test_what_is_found_can_be_written_into_a_data_file(name: str) -> None:
    names, _ = FOUND[name]
    found = recordings_of(names)
    require_pattern(found.pattern)

    assert tuple(found_in(found.pattern, one) for one in names) == found.of


ONE = {
    "numbered photos": frames("IMG_{0:04d}"),
    "bare numbers": frames("{0:06d}"),
    "frames": frames("frame_{0:06d}"),
    "seconds with their parts": [f"16234123{s}.{f:06d}" for s in range(10, 15) for f in range(9)],
    "times of day": [f"2024-05-01_12-{m:02d}-{s:02d}" for m in range(5) for s in range(60)],
    "copies of frames": [f"f_{n}_jpg.rf.{copy}0f3a" for n in range(9) for copy in "abc"],
    "a pair of cameras": [f"{n:04d}_{cam}" for n in range(9) for cam in ("left", "right")],
}


@pytest.mark.parametrize("name", ONE)
def test_images_in_one_sequence_are_one_recording(name: str) -> None:
    found = recordings_of(ONE[name])

    assert found.count == 1
    assert found.together
    assert not found.pattern


ALONE = {
    "words": ["door", "car", "dog", "house"],
    "digests": ["3f2a-9c", "77b1-0e", "a04c-12", "be99-d3", "0c1d-fa"],
    "one image": ["IMG_1"],
    "nothing": [],
}


@pytest.mark.parametrize("name", ALONE)
def test_images_of_which_names_tell_nothing_are_each_alone(name: str) -> None:
    found = recordings_of(ALONE[name])

    assert found.of == tuple(ALONE[name])
    assert not found.together


def test_the_data_s_own_pattern_goes_before_what_names_tell() -> None:
    names = several("{rec}/{0:06d}", "abc")

    assert recordings_of(names, pattern=r"(\d)$").count == 10
    assert recordings_of(names, known="^(.)").count == 3


def test_who_knows_better_says_so() -> None:
    names = several("{rec}/x{0:06d}", "ab")

    assert recordings_of(names, by="image").of == tuple(names)
    assert recordings_of(names, by="folder").count == 2
    assert recordings_of(names, by="name").count == 2
    assert recordings_of(frames("{0}"), by="folder").count == 1
