from __future__ import annotations

import pytest

from fasterseg.datasets.checking.alike_names import notes_on_alike_names


@pytest.mark.parametrize(
    ("names", "alike"),
    [
        (["car", "road", "Car"], ["car, Car"]),
        (["traffic light", "traffic_light", "TrafficLight"], ["traffic light, traffic_light"]),
        (["_background_", "background"], ["_background_, background"]),
        (["a", "b", "A", "B"], ["a, A", "b, B"]),
        (["car", "cars", "1", "-1", "?", "!"], []),
    ],
)
def test_names_that_differ_in_next_to_nothing_are_told(names: list[str], alike: list[str]) -> None:
    notes = [*notes_on_alike_names(names)]

    assert len(notes) == len(alike)
    assert all(note.startswith(start) for note, start in zip(notes, alike, strict=True))
