"""To Python true is 1; where a number belongs, a file's true and false are refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from fasterseg.foreign.booleans import TrueIsNoNumber

Whole = Annotated[int, Field(ge=0)]


class Kept(TrueIsNoNumber):
    """One key of every form."""

    whole: int = 0
    maybe: float | None = None
    narrowed: Whole | Literal["auto"] = 0
    spelled: Literal[1, 3] = 3
    several: tuple[Whole, ...] = ()
    deep: dict[str, list[float]] | None = None
    by_id: dict[int, str] | None = None
    told: bool = False
    either: bool | float = False
    free: Any = None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("whole", True),
        ("maybe", False),
        ("narrowed", True),
        ("spelled", True),
        ("several", [2, True]),
        ("deep", {"a": [0.5, False]}),
        ("by_id", {True: "road"}),
    ],
)
def test_true_and_false_are_no_numbers_however_deep(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match="where a number belongs"):
        Kept.model_validate({key: value})


def test_true_and_false_stay_where_they_belong() -> None:
    assert Kept.model_validate({"told": True}).told is True
    assert Kept.model_validate({"either": True}).either is True
    assert Kept.model_validate({"free": [True]}).free == [True]


def test_numbers_are_read_as_before() -> None:
    kept = Kept.model_validate({"whole": "3", "maybe": 1, "several": [1.0], "spelled": 1})
    assert (kept.whole, kept.maybe, kept.several, kept.spelled) == (3, 1.0, (1,), 1)
