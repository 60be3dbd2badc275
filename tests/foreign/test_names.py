"""A name that becomes a file's stays in its folder, on every system, or is refused."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasterseg.foreign.names import MOST_NAME_BYTES, as_file_name, first_twice

GOOD = (
    "student",
    "student-8ms",
    "2x-fast-scnn",
    "random-student-12",
    "My run of May",
    "größe",
    "道路",
    "a..b",
    "v1.2",
    "console",
    '_a<b>&"$x$',
    "what? *",
    "x" * MOST_NAME_BYTES,
)
BAD = {
    "empty": "",
    "the folder itself": ".",
    "the folder above": "..",
    "up and away": "../x",
    "further up": "../../../escaped",
    "absolute": "/etc/x",
    "below": "a/b",
    "of Windows": "a\\b",
    "a drive": "c:x",
    "a stream": "x:y",
    "hidden": ".ssh",
    "an option": "-rf",
    "a home": "~root",
    "a line break": "a\nb",
    "a null": "a\0b",
    "an escape": "a\x1b[2Jb",
    "a C1 escape": "a\x9bb",
    "turned round": "a\u202egnp.exe",
    "a line separator": "a\u2028b",
    "half a character": "a\ud800b",
    "blank": " ",
    "a blank before": " x",
    "a blank behind": "x\u00a0",
    "a dot behind": "x.",
    "a device": "con",
    "a device with an ending": "NUL.png",
    "a port": "Com1.x",
    "long": "x" * (MOST_NAME_BYTES + 1),
    "long in bytes": "道" * 34,
    "very long": "n" * 5000,
}


@pytest.mark.parametrize("name", GOOD)
def test_usual_names_stay_as_they_are(name: str) -> None:
    assert as_file_name(name) == name


@pytest.mark.parametrize("name", BAD.values(), ids=BAD)
def test_a_name_that_could_be_another_place_is_refused_in_a_line(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a file's name") as refused:
        as_file_name(name)
    told = str(refused.value)
    assert told.isprintable()
    assert len(told) < 300


@given(st.text(max_size=120))
def test_whatever_is_taken_is_one_part_of_a_path_and_can_be_written(name: str) -> None:
    try:
        taken = as_file_name(name)
    except ValueError:
        return
    for kind in (PurePosixPath, PureWindowsPath):
        assert kind("folder", taken).parts == ("folder", taken)
    assert not Path("folder", f".{taken}-{taken}.12345678.tmp").exists()  # raises for a long one


def test_names_that_some_file_system_takes_for_one_are_found() -> None:
    assert first_twice(["student", "teacher", "Student"]) == ("student", "Student")
    assert first_twice(["stra\u00dfe", "STRASSE"]) == ("stra\u00dfe", "STRASSE")
    assert first_twice(["u\u0308", "\u00fc"]) == ("u\u0308", "\u00fc")
    assert first_twice(["one", "one"]) == ("one", "one")
    assert first_twice(["student", "teacher"]) is None
