"""The JSON Schemas of recipes, data files and teachers' cards: what their readers take, described.

What a recipe may say shorter than it is kept, and the spellings of earlier recipes, come on top of
the models: they become the present ones where a recipe is read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from fasterseg.config.recipe import Recipe
from fasterseg.config.search_section import EARLIER_NAMES
from fasterseg.config.selection import DRAWS
from fasterseg.datasets.data_files.data_file import DataFile
from fasterseg.datasets.data_files.reading import FOREIGN_KEYS
from fasterseg.datasets.data_files.teacher_card import TeacherCard
from fasterseg.durable import durable_write
from fasterseg.foreign.bounds import MOST_NAMED
from fasterseg.reference.plain_schema import Schema, plain_schema
from fasterseg.reference.typing_errors import one_letter_off
from fasterseg.space.completing import FLAT_KEYS, PARTS
from fasterseg.space.places import PLACES
from fasterseg.space.presets import PRESETS

FileKind = Literal["recipe", "data", "teacher"]

_BESIDE = ".fasterseg"
"""The folder beside a file in which its schema lies, for editors to find."""


def schema_of(kind: FileKind) -> Schema:
    """The JSON Schema of a file, as a JSON value."""
    return {"recipe": _recipe_schema, "data": _data_schema, "teacher": _card_schema}[kind]()


def schema_line(kind: FileKind, folder: Path) -> str:
    """The first line of such a file in a folder, by which editors find its schema.

    The schema is written beside it; raises `EnvironmentFault` when the disk refuses.
    """
    name = f"{kind}.schema.json"
    text = json.dumps(schema_of(kind), indent=1, allow_nan=False)
    durable_write(folder / _BESIDE / name, text.encode() + b"\n")
    return f"# yaml-language-server: $schema={_BESIDE}/{name}"


def _recipe_schema() -> Schema:
    schema = plain_schema(Recipe)
    sections = schema["definitions"]
    _say_earlier_names(sections["SearchSettings"]["properties"])
    _let_a_space_be_completed(sections)
    several = next(one for one in schema["properties"]["budget"]["anyOf"] if "items" in one)
    several |= {"minItems": 1, "maxItems": MOST_NAMED}
    return {**schema, "description": "A fasterseg recipe: everything that describes a run."}


def _say_earlier_names(search: Schema) -> None:
    for earlier, name in {**EARLIER_NAMES, DRAWS: "selection.candidates"}.items():
        meant = search["selection"] if earlier == DRAWS else search[name]
        search[earlier] = _earlier(name, meant if earlier != DRAWS else {"type": "integer"})


def _earlier(name: str, meant: Schema) -> Schema:
    told = f"An earlier spelling of `{name}`."
    return {**meant, "description": told, "deprecationMessage": told}


def _let_a_space_be_completed(sections: Schema) -> None:
    """A recipe's space names what differs from a preset's; lists may stand for all strides."""
    space, kinds, widths = (sections[name] for name in ("SearchSpace", "SpaceKinds", "SpaceWidths"))
    for section, own in (("kinds", kinds), ("widths", widths)):
        for key in own["properties"]:
            if f"{section}.{key}" in PARTS:
                _let_one_stand_for_all(own["properties"][key], PARTS[f"{section}.{key}"])
    _name_kinds(kinds["properties"])
    _nest(kinds["properties"])
    properties = space["properties"]
    scales = properties["input_scale"]
    properties["input_scale"] = {
        **_or(scales["items"], scales),
        "description": scales["description"],
    }
    for flat, (section, key) in FLAT_KEYS.items():
        meant = {"kinds": kinds, "widths": widths}[section]["properties"][key]
        if flat == "ends_at_fusion_width":
            meant = {"type": "boolean"}
        properties[flat] = _earlier(f"{section}.{key}", meant)
    properties["preset"] = {
        "enum": [*PRESETS],
        "description": "The named space whose keys hold where nothing else is said: `paper`, the "
        "paper's; `mobile`, what is fast on processors; `small`, for trials of minutes.",
        "default": "paper",
    }
    for one in (space, kinds, widths):
        one.pop("required", None)


def _let_one_stand_for_all(node: Schema, parts: tuple[int, ...]) -> None:
    """A key with a value for each part may have one for all."""
    each = node.pop("additionalProperties")
    node.pop("type")
    by_part = {
        "type": "object",
        "properties": {str(part): each for part in parts},
        "additionalProperties": False,
    }
    node["anyOf"] = [each, by_part]


def _name_kinds(places: Schema) -> None:
    """Which kinds may stand at a place is in the table of places."""
    for place, node in places.items():
        known = PLACES.get("stem.1" if place == "stem" else place)
        if known and "items" in node:
            node["items"] = {"enum": [*known]}


def _nest(kinds: Schema) -> None:
    """``fusion.arm`` may be written as ``fusion: {arm: ...}``."""
    inner = {key.partition(".")[2]: kinds[key] for key in kinds if "." in key}
    kinds["fusion"] = {
        "type": "object",
        "properties": inner,
        "additionalProperties": False,
        "description": "The kinds of the decoder's places.",
    }


def _or(one: Schema, other: Schema) -> Schema:
    rest = {key: value for key, value in other.items() if key not in ("description", "default")}
    return {"anyOf": [one, rest]}


def _card_schema() -> Schema:
    """A mapping may lead to nothing, which is another word for none."""
    told = "The card of a foreign ONNX file that is to teach: what it is fed and gives."
    return {**plain_schema(TeacherCard), "description": told}


_LONG_ENOUGH = 4
"""Letters of a key from which on a word that is one letter off is taken for it, as the reader
does."""
_TAKEN_FOR_OURS = ("label_map", "ignore_index", "ignore_label")
"""What other tools call keys of ours; a section of that name is refused."""


def _data_schema() -> Schema:
    """Keys of other tools are passed over, and so are their sections, whatever they are called."""
    schema = plain_schema(DataFile)
    properties = schema["properties"]
    del properties["passed_over"]
    mapping = properties["label_mapping"]
    mapping["patternProperties"] = {r"^[-+]?[0-9]+$": mapping["additionalProperties"]}
    mapping["additionalProperties"] = False
    mistyped = one_letter_off(key for key in properties if len(key) >= _LONG_ENOUGH)
    return {
        **schema,
        "description": "A fasterseg data.yaml: what a data set of one's own is.",
        "properties": {**properties, **{key: {} for key in sorted(FOREIGN_KEYS)}},
        "additionalProperties": {"type": "object"},
        # Else a section whose name is mistyped would be taken for another tool's.
        "propertyNames": {"not": {"anyOf": [{"pattern": mistyped}, {"enum": [*_TAKEN_FOR_OURS]}]}},
    }
