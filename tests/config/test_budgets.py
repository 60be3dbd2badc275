"""Several budgets make one student each where a recipe is read; its file keeps the one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fasterseg.artifacts import digest_of_value, read_json
from fasterseg.config import (
    AsFastAs,
    Recipe,
    budget_in_ms,
    budget_label,
    budget_option,
    build_recipe,
)
from fasterseg.config.budgets import stated_ms, told_besides
from fasterseg.errors import UsageError


def students_of(recipe: Recipe) -> list[tuple[str, str]]:
    return [(student.name, recipe.budget_of(student)) for student in recipe.students()]


def test_several_budgets_make_one_student_each_named_after_it(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text('budget: [8ms, "12.50 ms", 25%, halfway]\n')
    recipe = build_recipe(file)
    assert students_of(recipe) == [
        ("student-8ms", "8ms"),
        ("student-12.5ms", "12.50 ms"),
        ("student-25pct", "25%"),
        ("student-halfway", "halfway"),
    ]
    assert recipe.contenders[0] == Recipe().contenders[0]
    plain = {"name", "budget"}
    template = Recipe().students()[0].model_dump(exclude=plain)
    assert all(student.model_dump(exclude=plain) == template for student in recipe.students())


def test_a_resolved_recipe_stays_as_it_is_when_it_is_resolved_again() -> None:
    recipe = build_recipe(overrides=("budget=[8ms, 12ms]",))
    assert build_recipe(base=recipe.content()) == recipe
    assert Recipe.model_validate(recipe.content()) == recipe
    again = build_recipe(base=recipe.content(), overrides=("search.steps=9",))
    assert students_of(again) == students_of(recipe)


def test_other_budgets_take_the_place_of_those_before() -> None:
    recipe = build_recipe(overrides=("budget=[8ms, 12ms]",))
    others = build_recipe(base=recipe.content(), overrides=("budget=[9ms, 12ms, 30ms]",))
    assert students_of(others) == [
        ("student-9ms", "9ms"),
        ("student-12ms", "12ms"),
        ("student-30ms", "30ms"),
    ]
    one = build_recipe(base=recipe.content(), overrides=("budget=12ms",))
    assert one == Recipe(budget="12ms")
    assert build_recipe(base=one.content(), overrides=("budget=[8ms, 12ms]",)) == recipe


def test_a_recipe_is_stored_with_the_student_that_the_budgets_are_for(tmp_path: Path) -> None:
    recipe = build_recipe(overrides=("budget=[8ms, 12ms]",))
    stored = read_json(recipe.save(tmp_path / "recipe.json"))["content"]
    assert stored["budget"] == ["8ms", "12ms"]
    assert [one["name"] for one in stored["contenders"]] == ["teacher", "student"]
    assert students_of(Recipe.load(tmp_path / "recipe.json")) == students_of(recipe)


def test_a_recipe_that_was_stored_with_a_student_for_each_budget_is_read_as_it_is(
    tmp_path: Path,
) -> None:
    recipe = build_recipe(overrides=("budget=[8ms, 12ms]",))
    each = [one.model_dump(mode="json") for one in recipe.contenders]
    content = {**recipe.content(), "contenders": each}
    content["search"] = {**content["search"], "weight_lr": 0.25}
    document = {"schema": "fasterseg/recipe/1", "digest": digest_of_value(content)}
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({**document, "content": content, "provenance": {}}))
    found = build_recipe(path)
    assert found.contenders == recipe.contenders
    assert found.search.lr == 0.25
    assert Recipe.load(path) == found == build_recipe(base=found.content())


def test_a_list_of_one_budget_is_that_budget() -> None:
    assert build_recipe(overrides=("budget=[8ms]",)) == Recipe(budget="8ms")


@pytest.mark.parametrize("wrong", ["[]", "12", "[8ms, 7]", "fast", "[8ms, fast]", "{a: 8ms}"])
def test_what_is_no_budget_is_told_with_what_is_one(wrong: str) -> None:
    with pytest.raises(UsageError, match="'budget' is wrong") as caught:
        build_recipe(overrides=(f"budget={wrong}",))
    assert "halfway, 12ms, 80fps and 40%" in caught.value.why
    if wrong in ("fast", "[8ms, fast]"):
        assert "baseline:fast-scnn" in caught.value.next_step


FAST_SCNN = "baseline:fast-scnn"
NAMED = [
    (FAST_SCNN, AsFastAs(FAST_SCNN), "fast-scnn"),
    (f"2x:{FAST_SCNN}", AsFastAs(FAST_SCNN, 2.0), "2x-fast-scnn"),
    (f"1.5x {FAST_SCNN}", AsFastAs(FAST_SCNN, 1.5), "1.5x-fast-scnn"),
    ("camvid-4ms", AsFastAs("camvid-4ms"), "camvid-4ms"),
    ("small.onnx", AsFastAs("small.onnx"), "small"),
    ("8ms.onnx", AsFastAs("8ms.onnx"), "8ms"),
    ("2x:runs/a b/net one.pt2", AsFastAs("runs/a b/net one.pt2", 2.0), "2x-net-one"),
    ("runs/a/training/student/best", AsFastAs("runs/a/training/student/best"), "student"),
    ("./bundle", AsFastAs("./bundle"), "bundle"),
]


@pytest.mark.parametrize(("written", "meant", "label"), NAMED)
def test_a_budget_may_be_a_model_or_some_times_one(
    written: str, meant: AsFastAs, label: str
) -> None:
    assert AsFastAs.of(written) == meant
    assert budget_label(written) == label
    recipe = build_recipe(overrides=(f"budget=['{written}', 9ms]",))
    assert students_of(recipe) == [(f"student-{label}", written), ("student-9ms", "9ms")]
    assert recipe.models_to_match == (meant.model,)
    assert AsFastAs.of(meant.renamed("./other")) == AsFastAs("./other", meant.times)


@pytest.mark.parametrize(
    "written",
    ["8ms", "8 ms", "165fps", "165 FPS", "162.5fps", "40%", "halfway", "fast", "-8ms", "8.ms", ""],
)
def test_numbers_and_plain_words_are_no_models(written: str) -> None:
    assert AsFastAs.of(written) is None


def test_a_model_s_time_is_what_was_measured_times_what_was_asked_for() -> None:
    def ms(budget: str) -> float:
        known = {FAST_SCNN: 3.5}
        return budget_in_ms(budget, fastest_ms=1, slowest_ms=9, models_ms=known)

    assert (ms(FAST_SCNN), ms(f"2x:{FAST_SCNN}"), ms("8ms")) == (3.5, 7.0, 8.0)


def test_budgets_that_are_models_and_milliseconds_may_be_joined_by_commas() -> None:
    joined = build_recipe(overrides=(f"budget={FAST_SCNN},2x:{FAST_SCNN},12ms",))
    assert joined.budgets == (FAST_SCNN, f"2x:{FAST_SCNN}", "12ms")
    assert joined == build_recipe(overrides=(f"budget=[{FAST_SCNN}, '2x:{FAST_SCNN}', 12ms]",))
    assert joined.models_to_match == (FAST_SCNN,)
    assert build_recipe(base=joined.content()) == joined


def test_a_contender_s_own_budget_may_be_a_model() -> None:
    contenders = f"contenders=[{{name: small, role: student, budget: '2x:{FAST_SCNN}'}}]"
    assert build_recipe(overrides=(contenders,)).models_to_match == (FAST_SCNN,)


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        (FAST_SCNN, FAST_SCNN, "asked for twice"),
        (f"2x {FAST_SCNN}", f"2x:{FAST_SCNN}", "asked for twice"),
        ("100fps", "10 ms", "asked for twice"),
        ("halfway", "50%", "asked for twice"),
        ("a/net.onnx", "b/net.onnx", "one name"),
        ("8ms", "8ms.onnx", "one name"),
    ],
)
def test_two_budgets_of_one_name_are_refused(one: str, other: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        build_recipe(overrides=(f"budget=['{one}', '{other}']",))


def test_no_times_a_model_is_no_budget() -> None:
    with pytest.raises(UsageError, match="'budget' is wrong") as caught:
        build_recipe(overrides=(f"budget=0x:{FAST_SCNN}",))
    assert "no time that a network could take" in caught.value.why


def test_the_label_of_a_budget_is_fit_for_a_file_s_name() -> None:
    written = ("8ms", "8.0 ms", "0.5ms", "100 %", "halfway", "165fps", "162.50 FPS")
    labels = [budget_label(budget) for budget in written]
    assert labels == ["8ms", "8ms", "0.5ms", "100pct", "halfway", "165fps", "162.5fps"]


def test_a_budget_in_images_a_second_is_the_time_that_one_of_them_takes() -> None:
    assert budget_in_ms("160 fps", fastest_ms=1, slowest_ms=9, models_ms={}) == 6.25
    assert stated_ms("160fps", {}) == 6.25
    assert told_besides("160 FPS") == "160 images a second"
    assert told_besides("6.25ms") == told_besides("halfway") == ""
    recipe = build_recipe(overrides=("budget=165fps,8ms",))
    assert students_of(recipe) == [("student-165fps", "165fps"), ("student-8ms", "8ms")]
    own = build_recipe(overrides=("contenders=[{name: s, role: student, budget: 50FPS}]",))
    assert own.budget_of(own.students()[0]) == "50FPS"
    with pytest.raises(UsageError, match="'budget' is wrong"):
        build_recipe(overrides=("budget=0fps",))


@pytest.mark.parametrize("ms", [0.00123456, 0.98765, 7.5599, 12.0, 116.3, 999.6, 1734.2, 31234.5])
def test_a_budget_that_is_advised_can_be_typed_and_is_no_smaller(ms: float) -> None:
    option, budget = budget_option(ms).split()
    recipe = build_recipe(None, overrides=(f"budget={budget}",))
    assert option == "--budget"
    found = budget_in_ms(recipe.budgets[0], fastest_ms=0, slowest_ms=1, models_ms={})
    assert ms <= found * (1 + 1e-12) <= 1.01 * ms + 1e-9
