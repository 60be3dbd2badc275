"""No key of a recipe is accepted and does nothing: each is read, and refused where it is idle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from pydantic import BaseModel

import fasterseg
from fasterseg.config import ContenderSettings, Recipe, build_recipe
from fasterseg.config.idle import leaves
from fasterseg.config.named_recipes import FOLDER
from fasterseg.errors import UsageError
from fasterseg.space.search_space import SpaceKinds

ROOT = Path(__file__).parents[2]
STUDENT = "{name: small, role: student"
TEACHER = "{name: large, role: teacher"
ALONE = f"contenders=[{TEACHER}}}]"

PLAIN = Recipe().search
BALANCED = f"search.penalty.balanced={str(not PLAIN.penalty.balanced).lower()}"
UNBALANCED = ("search.penalty.balanced=false",)
STRAIGHT = ("search.mode=exact", "search.exact_widths=straight-through")
PAIR = "space.branches=[32, 16]"
WINDOW = "search.control.window=[7ms, 9ms]"
WIDTHS = f"search.random_widths={PLAIN.random_widths + 1}"

IDLE = [
    # The key that means nothing, beside what, and beside what it means something.
    ("search.temperature.end=0.5", (), STRAIGHT),
    ("search.temperature.end=0.5", ("search.mode=exact",), STRAIGHT),
    ("search.temperature.start=2", (), ("search.sampling.architecture_widths=one",)),
    ("search.temperature.end=0.5", ("search.mode=exact", ALONE), STRAIGHT),
    (STRAIGHT[1], (), ("search.mode=exact",)),
    (STRAIGHT[1], ("search.mode=exact", ALONE), ("search.mode=exact",)),
    ("search.sampling.weight_kinds=probable", ("search.mode=exact",), ()),
    ("search.sampling.weight_updates=together", ("search.mode=exact",), ()),
    ("search.sampling.architecture_operators=one", ("search.mode=exact",), ()),
    ("search.control_gain=0.5", (ALONE,), ()),
    ("search.penalty_strength=0.5", (ALONE,), ()),
    (BALANCED, (ALONE,), ()),
    ("search.selection.candidates=4", (ALONE,), ()),
    ("search.selection.images=4", ("search.selection.candidates=1",), ()),
    (
        "search.selection.population=4",
        ("search.selection.probable=1", "search.selection.even=0"),
        (),
    ),
    ("search.selection.trained_steps=9", (), ("search.selection.trained=2",)),
    ("search.penalty_strength=0.5", ("search.steps=0",), ()),
    ("search.architecture_lr=0.5", ("search.steps=0",), ()),
    ("search.schedule=constant", ("search.steps=0",), ()),
    (WIDTHS, (ALONE,), ()),
    ("budget=12ms", (ALONE,), ()),
    ("budget=12ms", (f"contenders=[{STUDENT}, budget: 8ms}}]",), ()),
    ("search.control_gain=0.5", ("search.penalty_strength=0",), ()),
    (BALANCED, ("search.penalty_strength=0",), ()),
    ("search.penalty.paths=0.5", ("search.penalty.balanced=true",), UNBALANCED),
    ("search.penalty.paths=0.5", ("search.penalty.decoupled=false",), UNBALANCED),
    (BALANCED, ("search.penalty.decoupled=false",), ()),
    ("search.penalty.others=uniform", ("search.penalty.decoupled=false",), ()),
    ("search.penalty.per=ms", ("search.penalty_strength=0",), ()),
    ("search.control_gain=0.5", (WINDOW,), ()),
    ("search.control.factor=3", (), (WINDOW,)),
    (WINDOW, (ALONE,), ()),
    (WINDOW, ("search.penalty_strength=0",), ()),
    (WIDTHS, ("search.pretrain_steps=0",), ()),
    (
        "search.ohem_threshold=0.5",
        ("search.ohem_kept_fraction=1",),
        ("search.ohem_kept_fraction=0.1",),
    ),
    ("search.ohem_kept_fraction=0.5", ("search.ohem_threshold=1",), ("search.ohem_threshold=0.7",)),
    (
        "student.ohem_threshold=0.5",
        ("student.ohem_kept_fraction=1",),
        ("student.ohem_kept_fraction=0.1",),
    ),
    ("search.auxiliary_weight=0.5", ("space.branches=[8]",), ()),
    ("search.auxiliary_weight=0.5", ("search.heads=all", PAIR), (PAIR,)),
    ("search.heads=all", (), (PAIR,)),
    ("search.shared=cells", (ALONE,), ()),
    ("student.auxiliary_weight=0.5", ("space.branches=[8]",), ()),
    ("teacher.lr=0.5", (f"contenders=[{STUDENT}}}]",), ()),
    ("student.poly_power=1", ("student.schedule=paper",), ()),
    ("teacher.poly_power=1", ("teacher.schedule=constant",), ()),
    ("student.epoch_decay=0.9", (), ("student.schedule=paper",)),
    ("teacher.steps_per_epoch=100", (), ("teacher.schedule=paper",)),
    ("search.passes=sum", (), ("search.mode=exact",)),
    ("search.epoch_decay=0.9", (), ("search.schedule=paper",)),
    ("search.pretraining.steps_per_epoch=9", (), ("search.pretraining.schedule=paper",)),
    ("search.pretraining.batch_size=9", ("search.pretrain_steps=0",), ()),
    ("search.augmentation.scale_low=0.75", ("search.augmentation.scales=[1]",), ()),
    ("student.augmentation.scale_high=1.5", ("student.augmentation.scales=[1, 2]",), ()),
    ("student.evaluate_every=5", ("data.training_split=train+val",), ()),
    (
        "student.evaluate_every=5",
        ("data.train_split=train+val", "data.training_split=train", "student.start=supernet"),
        ("data.train_split=train+val", "data.training_split=train"),
    ),
    ("student.initialisation=fan-in", ("student.start=supernet",), ()),
    ("teacher.initialisation=fan-in", ("teacher.start=supernet",), ()),
    ("student.start=supernet", ("search.pretrain_steps=0", "search.steps=0"), ()),
    ("teacher.start=supernet", ("search.pretrain_steps=0", "search.steps=0"), ()),
    ("student.start=supernet", (ALONE,), ()),
    (
        "student.distillation_divided_by_classes=true",
        ("student.distillation_weight=0",),
        (),
    ),
    ("student.distillation.temperature=2", ("student.distillation_weight=0",), ()),
    ("student.distillation.every=1", ("student.distillation_weight=0",), ()),
    ("student.distillation.answers=live", ("student.distillation_weight=0",), ()),
    ("student.distillation.flip=true", ("student.distillation.answers=live",), ()),
    ("student.distillation.scales=[0.5, 1]", ("student.distillation.answers=live",), ()),
    ("student.distillation.most_disk=1GB", ("student.distillation.answers=live",), ()),
]


@pytest.mark.parametrize(("key", "idle", "meant"), IDLE)
def test_a_key_that_would_do_nothing_is_refused_and_accepted_where_it_does_something(
    key: str, idle: tuple[str, ...], meant: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match="would do nothing") as caught:
        build_recipe(overrides=(*idle, key))
    assert caught.value.where == f"--set {key}"
    assert caught.value.why
    build_recipe(overrides=idle)  # as it says: left out
    _, _, advice = str(caught.value.next_step).partition("--set ")
    build_recipe(overrides=(*idle, key, advice))
    build_recipe(overrides=(*meant, key))


@pytest.mark.parametrize(
    "key",
    [
        "distillation_weight=0.5",
        "distillation_divided_by_classes=true",
        "distillation.temperature=2",
        "distillation.unlabelled_share=0.25",
    ],
)
def test_a_teacher_learns_from_nobody(key: str) -> None:
    with pytest.raises(UsageError, match="would do nothing"):
        build_recipe(overrides=(f"teacher.{key}",))
    build_recipe(overrides=(f"student.{key}",))


def test_a_teacher_has_no_budget() -> None:
    with pytest.raises(UsageError, match="large: budget"):
        build_recipe(overrides=(f"contenders=[{TEACHER}, budget: 8ms}}, {STUDENT}}}]",))


def test_a_key_that_is_written_with_its_default_is_taken_for_not_set(tmp_path: Path) -> None:
    whole = tmp_path / "whole.yaml"
    content = Recipe().content()
    whole.write_text(str(content).replace("None", "null"), encoding="utf-8")
    assert build_recipe(whole) == Recipe()


def test_a_run_that_began_with_an_idle_key_goes_on() -> None:
    stored = Recipe().content()
    stored["search"]["temperature"]["end"] = 0.5
    assert build_recipe(base=stored).search.temperature.end == 0.5
    with pytest.raises(UsageError, match=r"search\.temperature\.end"):
        build_recipe(base=stored, overrides=("search.temperature.end=0.25",))


@pytest.mark.parametrize(
    "recipe",
    sorted((*FOLDER.glob("*.yaml"), *ROOT.glob("packages/fasterseg-models/src/*/*/recipe.yaml"))),
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_no_recipe_of_ours_has_an_idle_key(recipe: Path) -> None:
    build_recipe(recipe)


def attributes_read() -> set[str]:
    """The names of all attributes that the package reads, the rules of idle keys left out."""
    found: set[str] = set()
    package = Path(fasterseg.__file__).parent
    for path in package.rglob("*.py"):
        if path.relative_to(package).as_posix() != "config/idle_rules.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return found


def fields_of(*models: type[BaseModel]) -> set[str]:
    """The fields of these models and of all that lie in them."""
    found: set[str] = set()
    for model in models:
        for name, field in model.model_fields.items():
            found.add(field.alias or name)
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                found |= fields_of(field.annotation)
    return found


def test_every_key_of_a_recipe_is_read_somewhere() -> None:
    known = fields_of(Recipe, ContenderSettings)
    last_words = {key.rpartition(".")[2] for key in known}
    written = {key.rpartition(".")[2] for key in leaves(Recipe().content())}
    assert {word for word in written if not word.isdigit()} <= last_words
    # An expansion is read by the name of its part, a kind by that of its place.
    by_name = {f"{part}_expansion" for part in ("stem", "fusion", "head")}
    by_name |= fields_of(SpaceKinds)
    assert known - attributes_read() - by_name == set()
