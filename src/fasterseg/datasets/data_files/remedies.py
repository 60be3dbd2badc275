"""The lines of a ``data.yaml`` that settle what is wrong, made so that they work as they stand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import yaml

from fasterseg.datasets.labels import BACKGROUNDS, Colour
from fasterseg.datasets.masks import smoothed

IGNORE = "ignore"
IN_QUOTES = "put it in quotes"
BLACK: Colour = (0, 0, 0)
# More than these are no classes that somebody forgot.
_MOST_IN_A_LINE = 40
_MOST_WRITTEN = 300

Colours = tuple[Colour, ...]


class Contradiction(ValueError):
    """A value that cannot be used, and what to write in its place."""

    def __init__(self, why: str, next_step: str) -> None:
        super().__init__(why)
        self.next_step = next_step


def written(key: str, value: Any) -> str:
    """Return one line of YAML; of what is too long for one, its beginning."""
    shown, rest = value, ""
    if isinstance(value, list | dict) and len(value) > _MOST_WRITTEN:
        some = list(value)[:_MOST_IN_A_LINE]
        shown = {key: value[key] for key in some} if isinstance(value, dict) else some
        rest = f" and so on, {len(value):,} of them"
    flow = yaml.safe_dump(
        shown, default_flow_style=True, sort_keys=False, width=float("inf"), allow_unicode=True
    )
    return f"{key}: {flow.removesuffix('...' + chr(10)).strip()}{rest}"


def lines(*several: str) -> str:
    """Return lines as messages show them, each on its own."""
    return "".join(f"\n           {line}" for line in several)


def palette_line(colours: Mapping[str, Colours]) -> str:
    """Return the ``palette:`` of these colours, by the names of classes."""
    shown = {
        name: list(of_name[0]) if len(of_name) == 1 else [list(one) for one in of_name]
        for name, of_name in colours.items()
    }
    return written("palette", shown)


def palette_without(colours: Mapping[str, Colours], ignored: Sequence[str]) -> str:
    """Return the lines in which some classes' colours never count; these are classes no more.

    Where none is named, it is black that never counts.
    """
    left_out = {IGNORE, *ignored}
    kept = {name: of_name for name, of_name in colours.items() if name not in left_out}
    never = [one for name in {IGNORE: 0} | dict.fromkeys(ignored) for one in colours.get(name, ())]
    palette = kept | {IGNORE: tuple(never) or (BLACK,)}
    return lines(written("names", list(kept)), palette_line(palette))


def remedy_for_colours(
    colours: Mapping[str, Colours], unknown: Iterable[Colour], *, names: Sequence[str] = ()
) -> str:
    """Return what settles colours that the palette does not name.

    ``names`` are the classes where no data file names them yet.
    """
    some = tuple(unknown)
    if len(some) > _MOST_IN_A_LINE:
        return smoothed.STEP
    never = {IGNORE: (*colours.get(IGNORE, ()), *some)}
    rest = {name: of_name for name, of_name in colours.items() if name != IGNORE}
    named = [written("names", list(names))] if names else []
    return (
        "give each colour under 'palette:' in data.yaml to a class, which may have several, or to "
        f"what never counts:{lines(*named, palette_line(rest | never))}"
    )


def remedy_for_ids(
    mapping: Mapping[int, int | str],
    unknown: Collection[int],
    names: Sequence[str],
    *,
    holds_zero: bool,
    note: str = "",
) -> str:
    """Return what settles ids that mean nothing, beside the mapping that there is.

    ``names`` are all classes; ``holds_zero`` says that 0 is in masks, too, or may be; ``note``
    stands behind the line.
    """
    if len(unknown) > _MOST_IN_A_LINE:
        return (
            "so many ids are those of single things, or grey levels: export masks whose pixels "
            "are the ids of classes"
        )
    as_they_are = all(mapping.get(label, label) == label for label in range(len(names)))
    has_background = holds_zero and names[0].casefold() in BACKGROUNDS
    if as_they_are and len(names) in unknown and not has_background:
        return _remedy_for_ids_from_one(mapping, unknown, names, holds_zero=holds_zero)
    other = (
        "label_mapping leads to every class, so what it does not name is none: map the ids"
        if {*range(len(names))} <= {*mapping.values()}
        else "name the classes under 'names:' in data.yaml, or map the ids"
    )
    return (
        f"{other}, each to a class's id or to what never counts:"
        f"{lines(_mapped(mapping, unknown) + note)}"
    )


def _remedy_for_ids_from_one(
    mapping: Mapping[int, int | str],
    unknown: Collection[int],
    names: Sequence[str],
    *,
    holds_zero: bool,
) -> str:
    """The lines for ids up to the number of classes: 1 is the first of ``names`` then.

    A single class is none without a background beside it.
    """
    last = len(names)
    if last == 1:
        both = written("names", ["background", *names])
        return f"name what 0 is as well, before {names[0]} where that is named, as in {both}"
    kept = {raw: label for raw, label in mapping.items() if raw not in range(last)}
    zero = {0: "ignore_label"} if holds_zero else {}
    shifted = {label + 1: label for label in range(last)}
    line = _mapped(kept | zero | shifted, [raw for raw in unknown if raw != last])
    if not holds_zero:
        return f"the ids in these masks count from 1, so map them in data.yaml:{lines(line)}"
    return (
        f"masks may hold 0 to {last}, and there are {last} names. Where 0 is a class too, name it "
        f"before the others; where {last} is one, name it behind them; where 0 never counts, and "
        f"the names are those of 1 to {last}, map the ids in data.yaml:{lines(line)}"
    )


def _mapped(mapping: Mapping[int, int | str], unknown: Iterable[int]) -> str:
    """The line of a mapping in which what is unknown never counts."""
    whole = dict(mapping) | dict.fromkeys(unknown, "ignore_label")
    return written("label_mapping", dict(sorted(whole.items())))
