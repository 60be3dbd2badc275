"""A key is explained from the tables that the package itself goes by."""

from __future__ import annotations

import pytest

from fasterseg.errors import UsageError
from fasterseg.reference.explained import explained, keys_meant
from fasterseg.reference.keys import Key, keys_of


def meant(said: str) -> list[str]:
    return [key.name for key in keys_meant(said)]


def one(said: str) -> Key:
    return keys_meant(said)[0]


def test_a_key_is_meant_by_its_name_a_section_with_what_it_holds() -> None:
    assert meant("search.lr") == ["search.lr"]
    section = meant("search.temperature")
    assert section == ["search.temperature", "search.temperature.start", "search.temperature.end"]


def test_a_last_name_means_every_key_that_is_called_so() -> None:
    assert meant("poly_power") == [
        f"{one}.poly_power" for one in ("training", "teacher", "student")
    ]


@pytest.mark.parametrize(
    ("said", "near"),
    [
        ("search.stps", "search.steps"),
        ("serch.steps", "search.steps"),
        ("stepz", "training.steps"),
        ("data.normalise", "data.normalize"),
    ],
)
def test_a_key_that_there_is_not_is_answered_with_the_nearest(said: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        keys_meant(said)
    assert caught.value.next_step == f"did you mean {near!r}?"


def test_what_is_like_no_key_is_told_the_sections() -> None:
    with pytest.raises(UsageError) as caught:
        keys_meant("qqqqq" * 50)
    assert "search" in caught.value.why
    assert len(str(caught.value)) < 700


def test_a_key_tells_its_value_default_use_and_where_it_does_nothing() -> None:
    told = explained(one("search.sampling.weight_updates")).describe()
    for part in (
        "value:     each or together",
        "default:   each",
        "used by:   the supernet's training",
        "no effect: with search.mode exact nothing is sampled",
    ):
        assert part in told


def test_what_nothing_is_made_by_says_so() -> None:
    assert "it may change at any time" in explained(one("data.workers")).describe()


def test_every_key_has_a_use_or_none() -> None:
    for key in keys_of("recipe"):
        if not key.is_earlier and key.name not in ("space.preset",):
            explained(key)


@pytest.mark.parametrize(
    ("key", "form"),
    [
        ("target.threads", "a whole number, 1 to 1,024"),
        ("search.lr", "a number, above 0"),
        ("search.steps", "a whole number, at least 0"),
        ("data.outside", "true or false"),
        ("search.control.window", "a list of 2 texts"),
        ("training.class_weights", "data, none or auto, or a list of numbers, above 0"),
        ("space.preset", "paper, mobile or small"),
        ("target", "a section"),
    ],
)
def test_what_may_be_written_is_told_in_words(key: str, form: str) -> None:
    assert one(key).form == form
