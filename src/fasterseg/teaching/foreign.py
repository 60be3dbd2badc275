"""``FILE.teacher.yaml`` beside ``FILE.onnx``: read, and held against the classes of the data.

The card is the word of whoever runs the command, and refused in a sentence where it cannot be
meant; the graph is a stranger's (`foreign_graph`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fasterseg.datasets.data_files.remedies import Contradiction, lines, written
from fasterseg.datasets.data_files.teacher_card import NONE, TeacherCard
from fasterseg.errors import UsageError
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.foreign.strict_json import NotStrict, shortened
from fasterseg.foreign.strict_yaml import load_yaml
from fasterseg.teaching.class_map import ClassMap, shown

SUFFIX = ".teacher.yaml"
MOST_BYTES = 1_000_000
_KEYS = tuple(TeacherCard.model_fields)
_REQUIRED = {"classes": "classes: [road, car]", "output": "output: logits"}


def card_beside(file: Path) -> Path:
    """Where the card of a foreign file lies, or would: FILE.teacher.yaml beside FILE.onnx."""
    return file.with_name(file.stem + SUFFIX)


def read_card(path: Path) -> TeacherCard:
    """The card in a file; raises `UsageError`, naming line or key, for anything unexpected."""
    content = _mapping(path)
    for key in content:
        if key not in _KEYS:
            raise _unknown(str(key), path)
    try:
        return TeacherCard.model_validate(content)
    except ValidationError as error:
        raise _wrong(error, path) from error


def class_map_of(card: TeacherCard, ours: Sequence[str], *, where: Path, data: str) -> ClassMap:
    """Which of the card's channels stand for each class of the data.

    Raises `UsageError`, with the nearest name or the lines to write, for a name that there is not,
    for a class of the teacher that is not said to be any, and for one of the data that has none.
    """
    _require_known(card, ours, where=where, data=data)
    meant = {name: card.mapping.get(name, _by_itself(card, name, ours)) for name in card.classes}
    _require_all_meant(meant, ours, where=where, data=data)
    groups = tuple(
        tuple(index for index, name in enumerate(card.classes) if meant[name] == one)
        for one in ours
    )
    _require_all_taught(groups, meant, ours, where=where, data=data)
    return ClassMap(groups, len(card.classes))


def _by_itself(card: TeacherCard, name: str, ours: Sequence[str]) -> str | None:
    """What a class means that has no line of its own; None where nothing says it."""
    if name in ours:
        return name
    return NONE if card.others == "none" else None


def _require_known(card: TeacherCard, ours: Sequence[str], *, where: Path, data: str) -> None:
    for theirs, one in card.mapping.items():
        if theirs not in card.classes:
            raise _no_class(theirs, card.classes, where, "the card's classes are")
        if one != NONE and one not in ours:
            raise _no_class(str(one), ours, where, f"the classes of {data} are")


def _no_class(name: str, known: Sequence[str], where: Path, whose: str) -> UsageError:
    near = get_close_matches(shortened(name), known, n=1)
    return UsageError(
        f"the teacher's card maps a class that there is not: {shortened(name)!r}",
        where=f"{where}, mapping",
        why=f"{whose} {shown(known)}",
        next_step=f"did you mean {near[0]!r}?" if near else "name one of them, or none",
    )


def _require_all_meant(
    meant: dict[str, str | None], ours: Sequence[str], *, where: Path, data: str
) -> None:
    left = [name for name, one in meant.items() if one is None]
    if left:
        guesses = {name: (get_close_matches(name, ours, n=1) or [NONE])[0] for name in left}
        raise UsageError(
            "the teacher's card does not say what some of its classes are",
            where=str(where),
            why=f"{shown(left)}: no class of {data} has such a name",
            next_step="map each to one of the data's, or to none, as in"
            + lines(written("mapping", guesses))
            + "\n         or leave all of them out: others: none",
        )


def _require_all_taught(
    groups: Sequence[Sequence[int]],
    meant: dict[str, str | None],
    ours: Sequence[str],
    *,
    where: Path,
    data: str,
) -> None:
    missing = [name for name, group in zip(ours, groups, strict=True) if not group]
    if missing:
        dropped = [name for name, one in meant.items() if one == NONE]
        near = get_close_matches(missing[0], dropped, n=1) or dropped[:1] or [*meant][:1]
        raise UsageError(
            "the teacher does not know a class of the data",
            where=str(where),
            why=f"none of its classes stands for {shown(missing)}, and a student would be taught "
            f"that {data} has no such pixels",
            next_step=f"map one of its classes to it, as in mapping: {{{near[0]}: {missing[0]}}}, "
            "or take another teacher",
        )


def _mapping(path: Path) -> dict[Any, Any]:
    try:
        content = load_yaml(
            bytes_of(path, most_bytes=MOST_BYTES, fault=UsageError), named=("classes", "mapping")
        )
    except OSError as error:
        raise _refused(path, error.strerror or str(error), "look at the file") from error
    except NotStrict as error:
        why = " ".join(str(error).split())
        raise _refused(path, why, "mend that line, and run the command again") from error
    if not isinstance(content, dict):
        said = "it is empty" if content is None else f"it holds a {type(content).__name__}"
        raise _refused(path, said, "write keys and values, as in" + lines(*_REQUIRED.values()))
    return content


def _unknown(key: str, path: Path) -> UsageError:
    near = get_close_matches(shortened(key), _KEYS, n=1)
    return UsageError(
        f"a teacher's card has no key {shortened(key)!r}",
        where=str(path),
        why="" if near else f"its keys are {', '.join(_KEYS)}",
        next_step=f"did you mean {near[0]!r}?" if near else "take it out",
    )


def _wrong(error: ValidationError, path: Path) -> UsageError:
    faults = error.errors(include_url=False)
    missing = _missing(faults)
    fault = next((one for one in faults if one["loc"] in missing), faults[0])
    key = ".".join(shortened(str(part)) for part in fault["loc"][:2])
    if fault["loc"] in missing:
        return UsageError(
            f"the teacher's card does not say its {key}",
            where=str(path),
            why="nothing in the file tells, and a guess would teach something else",
            next_step=f"write it, as in  {_REQUIRED[key]}",
        )
    return UsageError(
        f"the key {key!r} of the teacher's card is wrong" if key else "the teacher's card is wrong",
        where=str(path),
        why=str(fault["msg"]).removeprefix("Value error, "),
        next_step=_meant(fault) or f"mend {key or 'the card'}",
    )


def _missing(faults: Sequence[ErrorDetails]) -> list[tuple[int | str, ...]]:
    """Where a card has not what every card must have."""
    return [one["loc"] for one in faults if one["type"] == "missing" and len(one["loc"]) == 1]


def _meant(fault: ErrorDetails) -> str:
    """What to write for a wrong value: what its reader says, or the nearest word."""
    context = fault.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, Contradiction):
        return cause.next_step
    if fault["type"] in ("missing", "too_long"):
        return "write three numbers, one for each channel"
    words = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    near = get_close_matches(shortened(str(fault["input"])).lower(), words, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def _refused(path: Path, why: str, next_step: str) -> UsageError:
    return UsageError(
        "cannot read this teacher's card", where=str(path), why=why, next_step=next_step
    )
