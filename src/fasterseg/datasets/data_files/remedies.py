"""The lines of a ``data.yaml`` that settle what is wrong, made so that they work as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from fasterseg.datasets.labels import Colour
from fasterseg.datasets.masks import smoothed

IGNORE = "ignore"
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
    mapping: Mapping[int, int | str], unknown: Iterable[int], *, whole: bool, note: str = ""
) -> str:
    """Return what settles ids that mean nothing, beside the mapping that there is.

    ``whole`` says that the mapping leads to every class, and so leaves out what is none; ``note``
    stands behind the line.
    """
    some = tuple(unknown)
    if len(some) > _MOST_IN_A_LINE:
        return (
            "so many ids are those of single things, or grey levels: export masks whose pixels "
            "are the ids of classes"
        )
    line = dict(sorted((dict(mapping) | dict.fromkeys(some, "ignore_label")).items()))
    other = (
        "label_mapping leads to every class, so what it does not name is none: map the ids"
        if whole
        else "name the classes under 'names:' in data.yaml, or map the ids"
    )
    return (
        f"{other}, each to a class's id or to what never counts:"
        f"{lines(written('label_mapping', line) + note)}"
    )
