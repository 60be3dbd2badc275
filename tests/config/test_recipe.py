"""Recipes: what contenders fix must be on offer, and what is refused is refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from fasterseg.config import (
    PAPER_CONTENDERS,
    Recipe,
    SearchSettings,
    SearchSpace,
    SelectionSettings,
    TrainingSettings,
    build_recipe,
)
from fasterseg.config.contenders import TAKEN_NAMES
from fasterseg.config.learning_sections import SEARCH_HOURS, TRAINING_HOURS
from fasterseg.config.named_recipes import recipe_file
from fasterseg.errors import UsageError
from fasterseg.runs import RunFolder, random_name

TINY = Path(__file__).parents[1] / "pipeline" / "tiny.yaml"


def recipe(space: dict[str, Any], **fixed: int) -> Recipe:
    """A recipe with one student."""
    student = {"name": "small", "role": "student", **fixed}
    return build_recipe(base={"space": space, "contenders": [student]})


@pytest.mark.parametrize("part", ["stem", "fusion", "head"])
def test_a_width_that_the_space_does_not_offer_cannot_be_fixed(part: str) -> None:
    space = {f"{part}_expansions": [2, 4]}
    assert recipe(space, **{f"{part}_expansion": 4}).contenders[0].name == "small"
    with pytest.raises(UsageError) as caught:
        recipe(space, **{f"{part}_expansion": 3})
    for word in ("'small'", f"{part}_expansion: 3", f"space.widths.{part}: [2, 4]"):
        assert word in str(caught.value.why)


def test_a_fusion_that_is_tied_to_the_head_cannot_be_fixed() -> None:
    with pytest.raises(UsageError) as caught:
        recipe({}, fusion_expansion=8)
    assert "ties the fusion to the head" in str(caught.value.why)
    assert "space.widths.fusion" in str(caught.value.why)


def test_widths_are_searched_unless_they_are_fixed() -> None:
    (student,) = recipe({}).contenders
    assert (student.stem_expansion, student.fusion_expansion, student.head_expansion) == (None,) * 3


def test_contenders_of_the_paper_and_of_a_shipped_recipe_fix_stem_and_head() -> None:
    paper = Recipe(space=SearchSpace(), contenders=PAPER_CONTENDERS)
    for found in (paper, build_recipe(recipe_file("camvid-small"))):
        assert found.space.widths.fusion == ()
        for contender in found.contenders:
            assert contender.stem_expansion in found.space.widths.stem[0]
            assert contender.head_expansion in found.space.widths.head


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        (("contenders=[]",), "there is no contender"),
        (
            ("contenders=[{name: a, role: teacher}, {name: a, role: student}]",),
            "two contenders have one name",
        ),
        (
            ("contenders=[{name: a, role: teacher}, {name: A, role: student}]",),
            "two contenders have one name: a and A",
        ),
        (
            (
                "space.operators=[skip, conv]",
                "contenders=[{name: a, role: student, operators: [zoomed_conv]}]",
            ),
            "'a' may take zoomed_conv",
        ),
        (
            ("contenders=[{name: a, role: student, architecture: widest}]",),
            "a is a student, which is searched for its budget",
        ),
        (
            ("contenders=[{name: a, role: teacher, architecture: widest}]",),
            "there is nothing to search",
        ),
        (("search.control.window=[7ms, 7ms]",), "both ends of the window are 7ms"),
        (("search.control.window=[7ms, 40%]",), "'40%' is no latency"),
        (("search.control.window=[7ms, soon]",), "soon"),
        (("search.control.window=[7ms, 9ms]", "budget=12ms"), "lies outside of it"),
        (("search.control.window=[155fps, 175fps]", "budget=150fps"), "lies outside of it"),
        (("search.control.window=[7ms, 9ms]", "budget=[8ms, 12ms]"), "there are 2 students"),
    ],
)
def test_contenders_that_cannot_be_are_refused(overrides: tuple[str, ...], why: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(overrides=overrides)
    assert why in caught.value.why


def test_search_and_trainings_take_hours_unless_the_recipe_names_steps() -> None:
    found = build_recipe()
    assert found.search.hours == SEARCH_HOURS
    assert found.teacher.hours == found.student.hours == TRAINING_HOURS
    assert SearchSettings(steps=5).hours is SearchSettings(pretrain_steps=5).hours is None
    assert SearchSettings(batch_size=2).hours == SEARCH_HOURS
    assert SearchSettings(steps=5, hours=0.5).hours == 0.5
    assert TrainingSettings(steps=5).hours is TrainingSettings(hours=None).hours is None
    for name in ("demo", "camvid-small", "camvid-cpu", "camvid-fast-scnn"):
        shipped = build_recipe(recipe_file(name))
        told = yaml.safe_load(recipe_file(name).read_text())
        for part in ("search", "teacher", "student"):
            if "steps" in told.get(part, {}):
                assert getattr(shipped, part).hours is None


def test_steps_on_the_command_line_go_before_hours_and_hours_before_steps() -> None:
    camvid = recipe_file("camvid-cpu")
    assert build_recipe(overrides=("search.steps=7",)).search.hours is None
    assert build_recipe(overrides=("student.lr=7",)).student.hours == TRAINING_HOURS
    changed = build_recipe(camvid, overrides=("student.steps=7",))
    assert (changed.student.hours, changed.student.steps, changed.teacher.hours) == (None, 7, 1)
    both = build_recipe(camvid, overrides=("student.steps=7", "student.hours=2"))
    assert both.student.hours == 2
    stored = build_recipe(base=Recipe().content(), overrides=("search.pretrain_steps=7",))
    assert stored.search.hours is None


def test_a_stored_recipe_stays_what_it_was() -> None:
    # As older versions wrote it: every key is there, and there were no hours.
    old = Recipe().content()
    old["search"] |= {
        "hours": None,
        "steps": 300,
        "architecture_lr": 3e-3,
        "penalty_strength": 0.01,
    }
    old["student"] |= {"hours": None, "steps": 1000, "lr": 0.02, "warmup_steps": 0}
    old["target"] |= {"height": 128, "width": 256}
    found = build_recipe(base=old)
    assert found.content() == old
    assert found.student.warmup == 0


def test_a_warm_up_that_nobody_named_is_a_tenth_of_the_steps_and_a_hundred_at_most() -> None:
    assert [TrainingSettings(steps=n).warmup for n in (5, 300, 5000)] == [0, 30, 100]
    assert TrainingSettings(steps=300, warmup_steps=7).warmup == 7


@pytest.mark.parametrize(
    ("overrides", "where"),
    [
        (("search.stepz=3",), "--set search.stepz=3"),
        (("seed=1", "student.lr=fast"), "--set student.lr=fast"),
        (("target={height: 3, width: 3}",), "--set target={height: 3, width: 3}"),
        (("space.head_expansions=[3]",), "--set space.head_expansions=[3]"),
        (('budget=["12x"]',), "--budget 12x"),
        (('budget=["8ms", "8ms"]',), "--budget 8ms --budget 8ms"),
        (("seed=1", "budget=[8ms, 8ms]"), "--set budget=[8ms, 8ms]"),
    ],
)
def test_an_error_names_the_option_that_brought_it(overrides: tuple[str, ...], where: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(TINY, overrides=overrides)
    assert caught.value.where == where


def test_an_error_of_the_file_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("search: {stepz: 3}")
    with pytest.raises(UsageError) as caught:
        build_recipe(file, overrides=("seed=1",))
    assert caught.value.where == str(file)
    student = "{name: small, role: student, head_expansion: 4}"
    file.write_text(f"space: {{head_expansions: [3]}}\ncontenders: [{student}]")
    with pytest.raises(UsageError) as caught:
        build_recipe(file, overrides=("seed=1",))
    assert caught.value.where == str(file)


def test_a_change_of_the_usual_space_goes_over_it_and_a_space_of_ones_own_over_the_papers(
    tmp_path: Path,
) -> None:
    usual = Recipe().space
    for path in (None, tmp_path / "mine.yaml"):
        if path is not None:
            path.write_text("budget: 12ms")
        changed = build_recipe(path, overrides=("space.layers=8",)).space
        assert changed == usual.model_copy(update={"layers": 8})
    (tmp_path / "mine.yaml").write_text("space: {layers: 8}")
    assert build_recipe(tmp_path / "mine.yaml").space == SearchSpace(layers=8)


def test_what_is_searched_without_a_space_goes_by_the_target() -> None:
    for overrides in ((), ("target.backend=pytorch",)):
        usual = build_recipe(overrides=overrides)
        assert usual.space == SearchSpace(preset="mobile")
        assert [one.operators for one in usual.contenders] == [None, None]
    gpu = build_recipe(overrides=("target.backend=pytorch", "target.device=cuda"))
    assert not gpu.space.is_tied
    assert all("skip" not in (one.operators or ()) for one in gpu.contenders)
    changes = ("space.layers=8", "target.backend=pytorch", "target.device=cuda")
    assert build_recipe(overrides=changes).space == gpu.space.model_copy(update={"layers": 8})
    assert build_recipe(base={"space": {"layers": 8}}).space == SearchSpace(layers=8)


def test_a_preset_takes_the_place_of_the_usual_space_and_other_changes_go_over_it() -> None:
    mobile = build_recipe(overrides=("space.preset=mobile",)).space
    assert mobile == SearchSpace(preset="mobile")
    changes = ("space.layers=8", "space.kinds.fusion.join=[add]", "space.widths.cells.16=[4]")
    found = build_recipe(overrides=("space.preset=mobile", *changes)).space
    assert (found.layers, found.kinds.at("fusion.join")) == (8, ("add",))
    assert found.widths.cells == {**mobile.widths.cells, 16: (4,)}
    stored = build_recipe(base=Recipe(space=mobile).content(), overrides=changes).space
    assert stored == found


def test_all_pixels_count_unless_a_recipe_speaks_of_hard_ones() -> None:
    def hard(**given: float) -> tuple[float, float]:
        found = SearchSettings.model_validate(given)
        return found.ohem_threshold, found.ohem_kept_fraction

    assert hard() == hard(ohem_threshold=1) == hard(ohem_kept_fraction=1) == (1, 1)
    assert hard(ohem_threshold=0.5) == (0.5, 1 / 16)
    assert hard(ohem_kept_fraction=0.25) == (0.7, 0.25)
    assert hard(ohem_threshold=0.5, ohem_kept_fraction=1) == (0.5, 1)


def test_a_penalty_is_balanced_unless_a_recipe_names_a_weight() -> None:
    assert Recipe().search.penalty.balanced
    assert build_recipe(overrides=("search.penalty.decoupled=false",)).search.penalty.balanced
    own = build_recipe(overrides=("search.penalty.paths=0.5",)).search.penalty
    assert (own.balanced, own.paths) == (False, 0.5)


def test_a_recipe_file_without_an_end_is_refused() -> None:
    with pytest.raises(UsageError, match="too large"):
        build_recipe(Path("/dev/zero"))


@pytest.mark.parametrize("override", ["student.steps=4", "contenders.0.name=x"])
def test_no_key_is_set_inside_of_what_is_no_section(override: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(TINY, overrides=("student=5", override))
    assert override in caught.value.where
    assert "no key of its own" in caught.value.what


@pytest.mark.parametrize("budget", ["0ms", "0.0 ms", "101%", "1000%"])
def test_a_budget_that_no_network_can_meet_is_refused_at_once(budget: str) -> None:
    with pytest.raises(UsageError, match="budget") as caught:
        build_recipe(TINY, overrides=(f"budget={budget}",))
    assert repr(budget) in caught.value.why
    with pytest.raises(UsageError):
        build_recipe(base={"contenders": [{"name": "a", "role": "student", "budget": budget}]})


@pytest.mark.parametrize("budget", ["0%", "100%", "0.5ms", "12 ms"])
def test_the_ends_of_the_space_are_budgets(budget: str) -> None:
    assert build_recipe(TINY, overrides=(f"budget={budget}",)).budgets == (budget,)


@pytest.mark.parametrize("override", ["threads=100000", "data.workers=10000"])
def test_more_threads_or_processes_than_any_machine_has_are_refused(override: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(TINY, overrides=(override,))
    assert "less than or equal to" in caught.value.why


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train=images", "take train out: 'train' is a key of another section"),
        ("student.stepz=1", "did you mean 'steps'?"),
        ("batch_size=4", "did you mean student.batch_size?"),
        ("teacher.learning_rate=1", "did you mean teacher.lr?"),
        ("workers=4", "take workers out: 'workers' is a key of another section"),
        ("num_workers=4", "did you mean data.workers?"),
        ("student.epochs=1", "write student.steps, in which a step is a batch, or student.hours"),
        ("student.zzz=1", "take student.zzz out: there is no such key"),
    ],
)
def test_a_key_that_there_is_none_is_not_answered_with_itself(override: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(TINY, overrides=(override,))
    assert caught.value.next_step == said


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("search.stps=1", "search has no such key: 'fasterseg recipe search' shows its keys"),
        ("stps=1", "a recipe has no such key: 'fasterseg recipe' shows its keys"),
        ("contenders=[{name: a, rolle: student}]", "contenders has no such key"),
    ],
)
def test_a_mistyped_key_is_told_where_its_section_s_keys_are(override: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(TINY, overrides=(override,))
    assert said in caught.value.why
    assert caught.value.where == f"--set {override}"


def test_draws_of_earlier_recipes_are_a_selection_without_evolution() -> None:
    found = build_recipe(None, overrides=("search.draws=24",)).search.selection
    assert (found.candidates, found.probable, found.even) == (24, 1.0, 0.0)
    single = build_recipe(None, overrides=("search.draws=1",)).search.selection
    assert single == SelectionSettings(candidates=1)


def test_a_stored_recipe_takes_draws_and_keeps_the_rest_of_its_selection() -> None:
    content = Recipe().model_dump(mode="json", by_alias=True)
    content["search"]["draws"] = 24
    content["search"]["selection"]["images"] = 7
    found = Recipe.model_validate(content).search.selection
    assert (found.candidates, found.probable, found.images) == (24, 1.0, 7)


def test_shares_of_candidates_are_of_one_whole() -> None:
    with pytest.raises(ValidationError, match="shares of the candidates"):
        SelectionSettings(probable=0.6, even=0.6)


@pytest.mark.parametrize(
    "name", ["../../x", "/abs/x", "..", "a/b", "a\\\\b", "-rf", ".x", "con", "n" * 5000, "a\\nb"]
)
@pytest.mark.parametrize(
    "key",
    [
        'name="{}"',
        'contenders=[{{name: "{}", role: student}}]',
        'data.train_split="{}"',
        'data.training_split="{}"',
        'data.val_split="{}"',
        'data.test_split="{}"',
    ],
)
def test_a_name_that_leads_out_of_its_folder_is_refused(key: str, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(overrides=(key.format(name),))
    assert "cannot be a file's name" in caught.value.why
    assert len(str(caught.value)) < 1000 or len(name) > 1000


@pytest.mark.parametrize("name", [*TAKEN_NAMES, "Summary", "random-student-1", "position-val"])
def test_a_contender_is_not_called_as_a_file_of_the_run_is(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(overrides=(f"contenders=[{{name: {name}, role: student}}]",))
    assert "a file of its own" in caught.value.why


def test_names_of_a_runs_own_files_are_those_that_are_taken(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    beside = [run.search_began, run.search_allowance, run.measured, run.search_summary]
    assert {file.stem for file in beside} <= {*TAKEN_NAMES}
    assert run.position_score("val").stem.startswith("position-")
    assert run.architecture(random_name("x", 1)).stem.startswith("random-")


@pytest.mark.parametrize("budget", ["x/..", "m" * 200 + ".onnx"])
def test_a_budget_that_names_its_student_leads_nowhere_else(budget: str) -> None:
    with pytest.raises(UsageError):
        build_recipe(overrides=(f"budget=[8ms, {budget}]",))


@pytest.mark.parametrize(
    ("change", "meant"),
    [
        ("space.preset=mobil", "did you mean 'mobile'?"),
        ("space={preset: mobile, widths: {tied: stag}}", "did you mean 'stage'?"),
        ("space={kinds: {cells: [seperable_conv]}}", "did you mean 'separable_conv'?"),
        ("search.schedule=pol", "did you mean 'poly'?"),
        ("search.schedule=upwards", "mend search.schedule"),
    ],
)
def test_a_word_that_is_none_of_some_is_answered_with_the_nearest(change: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        build_recipe(overrides=(change,))
    assert caught.value.next_step == meant


def test_no_more_networks_are_trained_than_are_scored() -> None:
    assert SelectionSettings(candidates=4, trained=4).trained == 4
    with pytest.raises(UsageError) as caught:
        build_recipe(overrides=("search.selection={candidates: 4, trained: 5}",))
    assert caught.value.why == "trained: 5 of 4 candidates"


def test_known_networks_have_a_name_each_and_come_on_top_of_the_finalists() -> None:
    known = SelectionSettings(known=("mixed", "nets/own.json"), trained=4)
    assert known.known_by_name == {"mixed": "mixed", "own": "nets/own.json"}
    assert (known.always_final, known.networks_trained) == (4, 6)
    assert SelectionSettings(known=("mixed",)).networks_trained == 0
    with pytest.raises(UsageError) as caught:
        build_recipe(overrides=("search.selection.known=[mixed, nets/mixed.json]",))
    assert caught.value.why == "two of known have one name"
