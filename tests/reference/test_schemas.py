"""The schemas take what the readers take, and refuse a typing error wherever it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from fasterseg.config import Recipe, build_recipe
from fasterseg.config.idle import leaves
from fasterseg.config.named_recipes import named_recipes, recipe_file
from fasterseg.datasets.data_files.reading import FOREIGN_KEYS, read_data_file
from fasterseg.errors import DataError, UsageError
from fasterseg.foreign.strict_yaml import load_yaml
from fasterseg.reference.keys import keys_of
from fasterseg.reference.schemas import FileKind, schema_line, schema_of
from fasterseg.teaching.foreign import read_card

ROOT = Path(__file__).parents[2]
BLOCKS = re.compile(r"^```ya?ml\n(.*?)^```", re.MULTILINE | re.DOTALL)
OF_DATA = "train: images/train\nval: images/val\nmasks_dir: masks\nnames: [road, car, sky]\n"


@cache
def validator(kind: FileKind) -> Draft7Validator:
    return Draft7Validator(schema_of(kind))


def is_taken(kind: FileKind, value: Any) -> bool:
    """Whether the schema takes a value, which has no keys but texts in JSON."""
    return bool(validator(kind).is_valid(json.loads(json.dumps(value))))


def reads_recipe(value: dict[str, Any]) -> bool:
    try:
        Recipe.model_validate(value)
    except ValueError:
        return False
    return True


def reads_data(text: str, folder: Path) -> bool:
    path = folder / "data.yaml"
    path.write_text(text)
    try:
        read_data_file(path)
    except DataError:
        return False
    return True


@pytest.mark.parametrize("kind", ["recipe", "data", "teacher"])
def test_a_schema_is_one_and_survives_json(kind: FileKind) -> None:
    Draft7Validator.check_schema(schema_of(kind))
    assert json.loads(json.dumps(schema_of(kind))) == schema_of(kind)


def recipes() -> Iterator[Path]:
    yield from (recipe_file(name) for name in named_recipes())
    yield from sorted((ROOT / "tests").rglob("*.yaml"))
    yield from sorted(ROOT.glob("packages/*/src/**/recipe.yaml"))


@pytest.mark.parametrize("path", [*recipes()], ids=lambda path: path.stem)
def test_every_recipe_of_the_project_is_taken(path: Path) -> None:
    value = load_yaml(path.read_bytes())
    assert [error.message for error in validator("recipe").iter_errors(as_json(value))] == []


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_a_recipe_is_taken_as_it_is_kept_and_as_it_is_by_default() -> None:
    for name in named_recipes():
        assert is_taken("recipe", build_recipe(recipe_file(name)).content())
    assert is_taken("recipe", Recipe().content())
    assert is_taken("recipe", {})


def documented() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every block of YAML in the texts of the project."""
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in BLOCKS.findall(page.read_text(encoding="utf-8")):
            yield page.stem, load_yaml(block)


def test_every_file_that_the_docs_show_is_taken() -> None:
    blocks = [*documented()]
    assert len(blocks) >= 2
    strange = [(page, value) for page, value in blocks if not is_taken(kind_of(value), value)]
    assert strange == []


def kind_of(value: dict[str, Any]) -> FileKind:
    """Which file a page shows."""
    if "classes" in value:
        return "teacher"
    return "data" if any(key in value for key in ("names", "train", "unlabelled")) else "recipe"


CARDS = {
    "classes: [a, b]\noutput: logits": True,
    "classes: {0: a, 1: b}\noutput: probabilities\nmapping: {a: null, b: c}": True,
    "classes: [a, b]\noutput: logits\nmean: [0, 0, 0]\nstd: ['1', 1, 1]\nsize: 32x64": True,
    "classes: [a, b]": False,
    "classes: [a, b]\noutput: labels": False,
    "classes: [a, b]\noutput: logits\nmean: [0, 0]\nstd: [1, 1]": False,
    "classes: [a, b]\noutput: logits\nchanels: rgb": False,
    "classes: [a, b]\noutput: logits\nmapping: {a: {b: c}}": False,
}


@pytest.mark.parametrize("text", CARDS)
def test_a_card_is_taken_by_the_schema_where_its_reader_takes_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "model.teacher.yaml"
    path.write_text(text)
    try:
        read_card(path)
        reads = True
    except UsageError:
        reads = False
    assert reads == CARDS[text] == is_taken("teacher", load_yaml(text))


TAKEN = [
    "budget: 8ms",
    "budget: 8ms, 12ms",
    "budget: [8ms, 80fps, 40%, halfway]",
    "budget: ['baseline:fast-scnn', '2x:baseline:fast-scnn', ./net.onnx, 'runs/a/best', 0.5 ms]",
    "seed: '3'",
    "search: {lr: 1e-3, weight_decay: 5.0e-4}",
    "search: {weight_lr: 0.1, weight_momentum: 0.8, draws: 24}",
    "search: {augmentation: {flip: off}, class_weights: [1, 2.5]}",
    "search: {augmentation: {flip: 'off'}}",
    "search: {control: {window: [155fps, 6.5ms]}, architecture_lr: null}",
    "training: {synchronise_norms: true, hours: 2, class_weights: none}",
    "space: {preset: mobile, kinds: {cells: [skip, conv], fusion: {join: [add]}}}",
    "space: {kinds: {cells: {8: [conv]}, fusion.join: [concatenate]}, input_scale: 3/4}",
    "space: {widths: {tied: stage, ends: own, stem: {0: [16 channels], 1: [32 channels]}}}",
    "space: {expansions: [4, 6], operators: [skip, conv], ends_at_fusion_width: true}",
    "space: {branches: [[32], [32, 8]], stem_kinds: [conv_x2], paths: paper}",
    "contenders: [{name: a, role: student, stem_expansion: 64 channels, budget: 8ms}]",
    "data: {normalize: [[0.5, 0.5, 0.5], [0.25, 0.25, 0.25]]}",
    "data: {normalize: {mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}, workers: 4}",
    "data: {normalize: imagenet, training_split: train+val}",
    "target: {backend: tensorrt, device: cuda, precision: float16}",
]


@pytest.mark.parametrize("text", TAKEN)
def test_what_a_recipe_may_say_is_taken(text: str) -> None:
    value = load_yaml(text)
    assert [error.message for error in validator("recipe").iter_errors(as_json(value))] == []


REFUSED = [
    "budgets: 8ms",
    "budget: 8",
    "budget: 8 milliseconds",
    "budget: []",
    "search: {stps: 3}",
    "search: {steps: many}",
    "search: {mode: exacty}",
    "search: {selection: {probable: 2}}",
    "search: 3",
    "seed: 1.5",
    "threads: -1",
    "target: {backend: tensorflow}",
    "target: {treads: 2}",
    "space: {preset: moble}",
    "space: {kinds: {cells: [conf]}}",
    "space: {kinds: {cells: {7: [conv]}}}",
    "space: {kinds: {fusion: {joins: [add]}}}",
    "space: {branches: [33]}",
    "space: {widths: {fusion: [64 chanels]}}",
    "space: {input_scale: 4/3}",
    "contenders: [{nam: a, role: student}]",
    "contenders: [{name: a, role: pupil}]",
    "data: {normalize: imagnet}",
    "name: a/b",
]


@pytest.mark.parametrize("text", REFUSED)
def test_a_typing_error_in_a_recipe_is_refused_by_schema_and_reader(text: str) -> None:
    value = load_yaml(text)
    assert not reads_recipe(value)
    assert not is_taken("recipe", value)


@pytest.mark.parametrize("key", [one for one in leaves(Recipe().content()) if "." in one])
def test_a_letter_too_many_in_any_key_is_refused(key: str) -> None:
    *sections, last = key.split(".")
    value: Any = {f"{last}x": 1}
    for section in reversed(sections):
        value = {section: value}
    assert not is_taken("recipe", value)


OF_DATA_TAKEN = [
    "names: {0: road, 1: car, 2: sky}",
    "names: [road, 3, car]",
    "label_mapping: {0: 1, 7: ignore_label, 8: 0, 9: 2}",
    "palette: {road: [[1, 2, 3], [4, 5, 6]], car: [0, 0, 9], sky: [0, 9, 9], ignore: [0, 0, 0]}",
    "palette: [[1, 2, 3], [4, 5, 6], [[7, 8, 9], [0, 0, 1]]]",
    "val: [images/val, more/val]",
    "test:",
    "class_weights: auto",
    "class_weights: [1, 2e-1, 3.0]",
    "normalize: {mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2]}",
    "range: [0, 4095]",
    "channels: 1",
    "groups: '^(seq\\d+)_'",
    "roboflow: {workspace: a}",
    "download: https://somewhere",
    "hyperparameters: {lr: 3}",
    "nc: 3",
]


@pytest.mark.parametrize("text", OF_DATA_TAKEN)
def test_what_a_data_file_may_say_is_taken(text: str, tmp_path: Path) -> None:
    value = load_yaml(OF_DATA) | load_yaml(text)
    assert reads_data(json.dumps(value), tmp_path)
    assert [error.message for error in validator("data").iter_errors(as_json(value))] == []


OF_DATA_REFUSED = [
    "name: [road]",
    "label_maping: {0: 1}",
    "palete: {road: [1, 2, 3]}",
    "mask_dir: masks",
    "mask_dir: {a: b}",
    "label_map: {0: 1}",
    "ignore_index: {0: 1}",
    "ignore: many",
    "ignore: -1",
    "channels: 4",
    "background: classy",
    "label_mapping: {a: 1}",
    "label_mapping: {1: ignored}",
    "range: [0]",
    "palette: [[1, 2, 300]]",
    "normalize: imagnet",
    "train: 3",
    "names: road",
    "passed_over: [a]",
]


@pytest.mark.parametrize("text", OF_DATA_REFUSED)
def test_a_typing_error_in_a_data_file_is_refused_by_schema_and_reader(
    text: str, tmp_path: Path
) -> None:
    value = load_yaml(OF_DATA) | load_yaml(text)
    assert not reads_data(json.dumps(value), tmp_path)
    assert not is_taken("data", value)


@pytest.mark.parametrize("key", sorted(FOREIGN_KEYS))
def test_a_key_of_another_tool_is_taken(key: str) -> None:
    assert is_taken("data", {"names": ["road"], key: 3})


@pytest.mark.parametrize("kind", ["recipe", "data", "teacher"])
def test_every_key_of_a_file_has_its_sentence_in_the_schema(kind: FileKind) -> None:
    assert [key.name for key in keys_of(kind) if not key.sentence] == []
    assert len(keys_of(kind)) > {"recipe": 200, "data": 20, "teacher": 12}[kind]


def test_a_file_names_the_schema_that_lies_beside_it(tmp_path: Path) -> None:
    line = schema_line("recipe", tmp_path)
    place = line.removeprefix("# yaml-language-server: $schema=")
    assert json.loads((tmp_path / place).read_text()) == schema_of("recipe")
    (tmp_path / "recipe.yaml").write_text(f"{line}\nseed: 1\n")
    assert build_recipe(tmp_path / "recipe.yaml").seed == 1


def test_a_reader_of_recipes_says_what_a_schema_refuses() -> None:
    with pytest.raises(UsageError, match="stps"):
        build_recipe(base={"search": {"stps": 3}})
