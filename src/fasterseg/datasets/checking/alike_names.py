"""Classes whose names are nearly one: a slip of whoever labelled, mostly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fasterseg.amounts import first_few

_NAMED = 8


def notes_on_alike_names(names: Sequence[str]) -> Iterator[str]:
    """Yield a note on classes whose names differ in case, blanks or signs alone."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_letters(name), []).append(name)
    for letters, several in alike.items():
        if len(several) > 1 and not letters.isdecimal():
            yield (
                f"{first_few(several, _NAMED)} are classes of their own, and their names differ in "
                "case, blanks or signs alone: where they are one, call them alike where they are "
                "named"
            )


def _letters(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum()) or name
