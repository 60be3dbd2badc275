"""Reading a recipe from YAML: safely, strictly, and with ``--set a.b=c`` on top."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fasterseg.config.contenders import ContenderSettings, require_student_for
from fasterseg.config.idle import refuse_idle_keys
from fasterseg.config.learning_sections import LongSection, TrainingSettings
from fasterseg.config.named_places import refuse_places_elsewhere
from fasterseg.config.other_words import EPOCHS, fields_of, key_called, place_of
from fasterseg.config.recipe import Recipe, usual_space
from fasterseg.config.roles import SHARED
from fasterseg.config.search_section import EARLIER_NAMES, SearchSettings
from fasterseg.config.sections import TargetSettings
from fasterseg.errors import UsageError
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.foreign.strict_json import MOST_DEPTH, NotStrict, shortened
from fasterseg.foreign.strict_yaml import load_yaml, told_of_no_text

MAX_RECIPE_BYTES = 1_000_000
LONG_SECTIONS: Mapping[str, type[LongSection]] = {
    "search": SearchSettings,
    "teacher": TrainingSettings,
    "student": TrainingSettings,
    SHARED: TrainingSettings,
}
_LOOK = "begin with a recipe of the package, as --recipe demo does"
_IN_QUOTES = "put it in quotes; on the command line in both kinds, as in --set name=\"'001'\""
_LONGEST = 20
"""Digits of a number that may have been meant as milliseconds."""
_ONE_OF_SOME = ("literal_error", "enum")
_NONE_OF = re.compile(r"'(?P<given>[^']*)' is none of (?P<known>[^;]+)$")


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, read safely; raises `UsageError` when there is none."""
    try:
        value = load_yaml(bytes_of(path, most_bytes=MAX_RECIPE_BYTES, fault=UsageError))
    except OSError as error:
        raise UsageError(
            "cannot read the recipe", where=str(path), why=str(error), next_step=_LOOK
        ) from error
    except NotStrict as error:
        raise UsageError(
            "the recipe is not valid YAML",
            where=str(path),
            why=" ".join(str(error).split()),
            next_step="mend that line, and run the command again",
        ) from error
    if not isinstance(value, dict):
        raise UsageError(
            "the recipe is not a mapping of keys to values",
            where=str(path),
            why=f"it holds a {type(value).__name__}",
            next_step=_LOOK,
        )
    return value


def build_recipe(
    path: Path | None = None, *, overrides: tuple[str, ...] = (), base: dict[str, Any] | None = None
) -> Recipe:
    """The recipe in a file, with ``a.b=c`` overrides applied; raises `UsageError`.

    The file may be the one that a run keeps.  Without a file it is that of `base`, the content of
    a recipe.  Several budgets have one student, which stands for one of each.  Steps that an
    override gives take the place of hours, unless one gives these.  A key that would do nothing
    beside the others is refused, unless it stands in `base` as it is.  An error names the override
    that brought it, else the file.
    """
    file = str(path) if path is not None else "the recipe" if base else "the built-in recipe"
    written = read_yaml(path) if path is not None else dict(base or {})
    if path is not None and Recipe.reads(written.get("schema")):
        written = base = Recipe.load(path).content()
    content = deepcopy(written)
    for override in sorted(overrides, key=_turn_of):
        if _turn_of(override) == _SPACE_PRESET:
            content["space"] = {}  # it takes the place of a whole space
        elif _turn_of(override) == _SPACE:
            # What an override says of the space goes over the usual one of the target.
            content.setdefault("space", _usual_space(content.get("target")))
        _override(content, override)
    _let_steps_go_before_hours(content, overrides)
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        raise _explain(error, _culprit(error, written, overrides) or file) from error
    if path is not None:
        refuse_places_elsewhere(recipe, path, [key_of(one) for one in overrides])
    refuse_idle_keys(recipe, known=base or {}, where=file, overrides=overrides)
    asked = [one for one in overrides if key_of(one) == ("budget",)]
    where = _as_typed(asked) or file
    require_student_for(recipe.written_contenders, recipe.budgets, where=where)
    return recipe


def require_each_key_once(typed: Sequence[str]) -> None:
    """Raise `UsageError` where an override that was typed takes the place of one before it."""
    known: dict[tuple[str, ...], str] = {}
    for override in sorted(typed, key=_turn_of):
        key = key_of(override)
        if key in known:
            raise UsageError(
                f"the recipe's key {_shown_key(key)!r} is given twice",
                where=_as_typed([known[key], override]),
                why="the later one would take the place of the earlier, and one is meant",
                next_step="leave one of the two out",
            )
        # What is set as a whole takes the place of its parts.
        known |= {key[:length]: override for length in range(1, len(key) + 1)}


_SPACE_PRESET, _SPACE = 1, 2


def _turn_of(override: str) -> int:
    """When an override has its turn: a space's preset after the target, its other keys last."""
    key = key_of(override)
    return _SPACE_PRESET if key == ("space", "preset") else _SPACE if key[0] == "space" else 0


def _usual_space(target: Any) -> dict[str, Any]:
    """The content of the space that a recipe with this target has where it says none."""
    known = target if isinstance(target, dict) else {}
    usual = TargetSettings()
    device, backend = known.get("device", usual.device), known.get("backend", usual.backend)
    return usual_space(str(device), str(backend)).content()


def key_of(override: str) -> tuple[str, ...]:
    """The key that an override gives, by the names of today."""
    *parents, last = override.partition("=")[0].strip().split(".")
    last = EARLIER_NAMES.get(last, last) if parents == ["search"] else last
    return (*parents, last)


def _let_steps_go_before_hours(content: dict[str, Any], overrides: tuple[str, ...]) -> None:
    keys = {key_of(override) for override in overrides}
    for name, section in LONG_SECTIONS.items():
        told = any((name, steps) in keys for steps in section.numbers_of_steps)
        given = content.get(name)
        if told and (name, "hours") not in keys and isinstance(given, dict):
            given["hours"] = None


def _culprit(error: ValidationError, written: dict[str, Any], overrides: tuple[str, ...]) -> str:
    """The overrides that an error comes from, as they are typed; empty where it is the file's."""
    place = tuple(map(str, _fault_of(error)["loc"]))
    keys = {override: key_of(override) for override in overrides}
    direct = [o for o, key in keys.items() if place and _one_begins_the_other(key, place)]
    if direct:
        return _as_typed(direct[-1:])
    try:
        Recipe.model_validate(written)
    except ValidationError:
        return ""
    return _as_typed(list(overrides))


def _one_begins_the_other(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _as_typed(overrides: Sequence[str]) -> str:
    return " ".join(map(_option, overrides))


def _option(override: str) -> str:
    """The option that an override came from: a list in JSON is what ``--budget`` makes."""
    name, _, text = override.partition("=")
    if name == "budget" and text.startswith('["'):
        return " ".join(f"--budget {budget}" for budget in load_yaml(text))
    return f"--set {override}"


def _override(content: dict[str, Any], override: str) -> None:
    name, separator, text = override.partition("=")
    if not separator or not name.strip():
        raise UsageError(
            f"cannot read --set {override}",
            where=f"--set {override}",
            why="a change of the recipe is a key, an equals sign and a value",
            next_step="write it as --set a.b=value",
        )
    *parents, last = key_of(override)
    if len(parents) > MOST_DEPTH:
        raise UsageError(
            "no key of the recipe lies so deep",
            where=f"--set {override}",
            why=f"it names {len(parents):,} sections in one another",
            next_step=_LOOK,
        )
    place = content
    for parent in parents:
        inner = place.get(parent)
        if inner is not None and not isinstance(inner, dict):
            raise UsageError(
                f"{parent} has no key of its own to set",
                where=f"--set {override}",
                why=f"it is {str(inner)[:60]!r}, and no section",
                next_step=f"set {parent} as a whole, or write it into a recipe of your own",
            )
        place[parent] = dict(inner or {})
        place = place[parent]
    try:
        place[last] = load_yaml(text)
    except NotStrict as error:
        raise UsageError(
            f"cannot read the value in --set {override}",
            where=f"--set {override}",
            why=" ".join(str(error).split()),
            next_step="put quotes around a text that is no YAML",
        ) from error


def _fault_of(error: ValidationError) -> ErrorDetails:
    """What is told of several faults: a key that there is not explains why another is missing."""
    faults = error.errors(include_url=False)
    return next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])


def _explain(error: ValidationError, where: str) -> UsageError:
    fault = _fault_of(error)
    key = _shown_key(fault["loc"])
    what = f"the recipe's key {key!r} is wrong" if key else "the recipe is wrong"
    unknown = fault["type"] == "extra_forbidden"
    hint = _key_meant(key, shortened(str(fault["loc"][-1]))) if unknown else ""
    why = _no_such_key(fault["loc"]) if unknown else str(fault["msg"])
    why = why.removeprefix("Value error, ")
    if fault["type"] == "string_type" and (read := told_of_no_text(fault["input"])):
        why, hint = read, _IN_QUOTES
    if key.endswith("budget") and not hint:
        hint = _budget_meant(fault["input"])
    hint = hint or _value_meant(fault, why)
    return UsageError(what, where=where, why=why, next_step=hint or f"mend {key or 'the recipe'}")


def _no_such_key(place: Sequence[int | str]) -> str:
    section = ".".join(str(part) for part in place[:-1] if isinstance(part, str))
    told = f"{shortened(section)} has" if section else "a recipe has"
    return (
        f"{told} no such key: 'fasterseg recipe {shortened(section)}".rstrip() + "' shows its keys"
    )


def _shown_key(place: Sequence[int | str]) -> str:
    return ".".join(shortened(str(part)) for part in place)


def _key_meant(key: str, last: str) -> str:
    """What to do about a key that there is none: the nearest one, or a word on its place."""
    if key == "search.pretraining.steps":
        return "write it as search.pretrain_steps"
    if last in EPOCHS:
        section = key.rpartition(".")[0] or "student"
        return f"write {section}.steps, in which a step is a batch, or {section}.hours"
    if place := _familiar_key(key, last):
        return f"did you mean {place}?"
    if last in known_keys():
        return f"take {key} out: {last!r} is a key of another section"
    near = get_close_matches(last, known_keys(), n=1)
    return f"did you mean {near[0]!r}?" if near else f"take {key} out: there is no such key"


def _familiar_key(key: str, last: str) -> str:
    """The key of a training that is meant by another trainer's word, or without its section."""
    called, section = key_called(last), key.rpartition(".")[0]
    learns = bool(place_of(called, section="training").startswith("training."))
    is_meant = called != last or (learns and not section)
    return place_of(called, section=section or "student") if called and is_meant else ""


def _value_meant(fault: ErrorDetails, why: str) -> str:
    """The nearest of the words that a value may be, where it was to be one of some."""
    if fault["type"] in _ONE_OF_SOME:
        given, known = str(fault["input"]), re.findall("'([^']*)'", str(fault["ctx"]["expected"]))
    elif (found := _NONE_OF.search(why)) is not None:
        given, known = found["given"], found["known"].split(", ")
    else:
        return ""
    near = get_close_matches(given, known, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def _budget_meant(value: Any) -> str:
    """What to write instead of a budget that is none: a bare number means milliseconds."""
    given = [str(one) for one in (value if isinstance(value, list | tuple) else [value])]
    bare = [one for one in given if one.replace(".", "", 1).isdecimal() and len(one) < _LONGEST]
    if bare:
        return f"did you mean {bare[0]}ms?"
    return (
        "write a budget as milliseconds (8ms), images a second (80fps), a share (50%), halfway, or "
        "a model to be as fast as (baseline:fast-scnn, ./file.onnx, a bundle's folder)"
    )


def known_keys() -> tuple[str, ...]:
    """Every key of a recipe, without its section."""
    return tuple(sorted({name for _, name, _ in fields_of(Recipe, ContenderSettings)}))
