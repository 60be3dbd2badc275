"""Whatever a recipe or an override says, it is right or refused in a sentence, and at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasterseg.config import Recipe, build_recipe
from fasterseg.config.contenders import ContenderSettings
from fasterseg.config.idle import leaves
from fasterseg.console.options import Common
from fasterseg.errors import UsageError
from fasterseg.pipeline.settings.recipes import resolve_recipe

MANY = 20_000
HUGE = "9" * 4300
KEYS = (*leaves(Recipe().content()), "contenders", "space.preset", "search.draws", "training.lr")
SECTIONS = sorted({key.rpartition(".")[0] for key in KEYS} - {""})
ODD: tuple[Any, ...] = (
    *("", "a", "~nobody", "../x", "1e999", "nan", "-1", HUGE, HUGE + "9", "\x1b[2J", "x" * 9000),
    *(None, True, 0, -1, 1, 10**20, -(10**39), 1e300, -1e300, 5e-324),
    *([], {}, [[]], [None], ["a", "a"], [1, "a"], {"a": 1}, {1: 2}, {"": []}, [{"name": "a"}]),
)
REFUSED = {
    "".join(f"k{i}: 1\n" for i in range(MANY)): "there is no such key",
    "search:\n" + "".join(f"  k{i}: 1\n" for i in range(MANY)): "there is no such key",
    "training:\n" + "".join(f"  k{i}: 1\n" for i in range(MANY)): "there is no such key",
    "space: {kinds: {cells: {" + "".join(f"{i}: [conv], " for i in range(MANY)) + "}}}": "stride 0",
    f"budget: [{', '.join(f'{i}ms' for i in range(1, MANY))}]": "19,999 budgets, and 256",
    f"budget: {','.join(f'{i}ms' for i in range(1, MANY))}": "19,999 budgets, and 256",
    f"budget: '{'1' * 400}ms'": "no time that a network could take",
    f"budget: '{'1' * 4000}x:baseline:enet'": "no time that a network could take",
    f"budget: '{'a-' * 300_000} '": "more than 4,096 characters",
    "contenders:\n" + "".join(f"- {{name: n{i}, role: student}}\n" for i in range(9000)): "256",
    f"student: {{class_weights: [{'1.5,' * 99_999}]}}": "class_weights",
    f"student: {{steps: '{HUGE}'}}": "less than or equal to 1000000000",
    f"student: {{steps: '{HUGE}9'}}": "exceeded maximum size",
    "student: {steps: 10000000000}": "less than or equal to",
    "student: {batch_size: 99999}": "less than or equal to 65536",
    "student: {lr: '1e999'}": "finite number",
    "student: {lr: 'nan'}": "finite number",
    "student: {lr: 1.0e300}": "less than or equal to",
    "student: {augmentation: {scale_low: 1.0e-300}}": "greater than or equal to 0.001",
    "target: {threads: 99999}": "less than or equal to 1024",
    "seed: 99999999999999999999": "less than 9223372036854775808",
    f"seed: '{HUGE}'": "less than 9223372036854775808",
    "search: {draws: 4, selection: [1]}": "valid dictionary",
    "search: {draws: 99999999999}": "less than or equal to",
    f"space: {{widths: {{head: [{', '.join(map(str, range(1, MANY)))}]}}}}": "at most 256 items",
    f"space: {{widths: {{head: ['{HUGE} channels']}}}}": "is no width",
    "space: {widths: {head: [1000000]}}": "is no width",
    "space: {layers: 10000000000}": "layers must lie between 2 and 64",
    f"? {'k' * 900_000}\n: 1": r"take k+\.\.\. out",
    f"search:\n  ? {'batch_size' * 90_000}\n  : 1": "search.batch_size",
    f"name: {'n' * 900_000}": "cannot be a file's name",
    "name: 2026-99-99": "no date: month",
    "named: 1": "did you mean 'name'",
    "schema: [1]": "a recipe has no such key",
    "[" * 5000: "nested more than 64 deep",
    "a: *x": "aliases are not allowed",
    "a: .nan": "no number",
    "- 1": "it holds a list",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:24]))
def test_a_hostile_recipe_is_refused_in_a_sentence(text: str, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=REFUSED[text]) as caught:
        build_recipe(recipe)
    assert len(str(caught.value)) < 1500


def test_a_date_is_a_name(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("name: 2026-01-31", encoding="utf-8")
    assert build_recipe(recipe).name == "2026-01-31"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ((f"a{'.a' * 5000}=1",), "no key of the recipe lies so deep"),
        ((f"seed={'[' * 5000}",), "nested more than 64 deep"),
        (("seed={a: 1, a: 2}",), "written twice"),
        ((" =1",), "cannot read --set"),
        (("seed",), "cannot read --set"),
        (("seed.x=1",), "'seed' is wrong|no key of its own"),
        (("x" * 10**5 + "=1",), r"take x+\.\.\. out"),
    ],
)
def test_a_hostile_override_is_refused_in_a_sentence(overrides: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build_recipe(overrides=overrides)


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        (("seed=1", "seed=2"), "seed"),
        (("search.lr=1", "search.weight_lr=2"), "search.lr"),
        (("search.lr=1", "search={steps: 3}"), "search"),
        (("space.preset=mobile", "space={}"), "space"),
    ],
)
def test_a_key_that_is_typed_twice_is_refused(typed: tuple[str, ...], key: str) -> None:
    with pytest.raises(UsageError, match=f"'{key}' is given twice") as caught:
        resolve_recipe(Common(set=typed))
    assert caught.value.where.count("--set") == 2


def test_what_is_set_goes_over_the_options() -> None:
    assert resolve_recipe(Common(seed=3, set=("seed=4",))).seed == 4


def test_a_section_may_be_set_and_then_a_key_of_it() -> None:
    assert build_recipe(overrides=("target={threads: 4}", "target.height=64", "target.width=64"))


def numbers(schema: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every number of a JSON schema, with its place."""
    if schema.get("type") in ("number", "integer"):
        yield place, schema
    for key, value in schema.items():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from numbers(inner, f"{place}.{key}")


def test_every_number_of_a_recipe_is_bounded() -> None:
    checked_elsewhere = ("SearchSpace", "SpaceKinds", "SpaceWidths", "_expansion")
    unbounded = {
        place
        for model in (Recipe, ContenderSettings)
        for place, number in numbers(model.model_json_schema())
        if not number.keys() & {"maximum", "exclusiveMaximum", "enum"}
        if not any(known in place for known in checked_elsewhere)
    }
    assert unbounded == set()


@given(st.sampled_from((*KEYS, *SECTIONS)), st.sampled_from(ODD))
def test_any_value_under_any_key_is_taken_or_refused(key: str, value: Any) -> None:
    content: dict[str, Any] = {}
    place = content
    *parents, last = key.split(".")
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    try:
        recipe = build_recipe(base=content)
    except UsageError as error:
        assert len(str(error)) < 1500
    else:
        Recipe.model_validate(recipe.content()).digest()


@pytest.mark.parametrize("said", ["yes", "[yes]", "[2, yes]"])
def test_no_key_reads_yes_as_a_number(said: str) -> None:
    usual = leaves(Recipe().content())
    as_numbers = []
    for key in KEYS:
        try:
            read = leaves(build_recipe(overrides=(f"{key}={said}",)).content())
        except UsageError:
            continue
        as_numbers += [(key, v) for name, v in read.items() if repr(v) != repr(usual.get(name))]
    assert [(key, value) for key, value in as_numbers if value is not True] == []


def test_yes_in_the_place_of_a_number_is_refused_by_its_key(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("student: {steps: yes}\n")
    with pytest.raises(UsageError, match=r"student\.steps' is wrong") as caught:
        build_recipe(file)
    assert "where a number belongs" in caught.value.why
