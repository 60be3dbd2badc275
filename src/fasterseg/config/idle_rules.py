"""Which keys of a recipe mean nothing beside others, and why: a table, which `idle` goes by.

Some keys are passed over by design, and say so where they are written down: numbers of steps where
hours are given, the sizes of the built-in scenes where other data is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from fasterseg.config.contenders import ENCODERS
from fasterseg.config.learning_sections import TrainingSettings
from fasterseg.config.recipe import Recipe
from fasterseg.config.search_section import SearchSettings
from fasterseg.config.selection import SelectionSettings
from fasterseg.space.search_space import Role


@dataclass(frozen=True, slots=True)
class Idle:
    """Keys, or whole sections, that mean nothing where something holds of the recipe, and why."""

    keys: tuple[str, ...]
    where: Callable[[Recipe], bool]
    why: str

    def covers(self, key: str) -> bool:
        """Whether a key is one of these, or lies in one of these sections."""
        return any(key == known or key.startswith(f"{known}.") for known in self.keys)


_TERMS = tuple(f"search.penalty.{kind}" for kind in ("operators", "paths", "widths"))
_STEERED = ("search.penalty", "search.control_gain", "search.control")
_SELECTED = tuple(
    f"search.selection.{key}" for key in SelectionSettings.model_fields if key != "candidates"
)
_BUILT_IN = (("street", "auto"), ("street", "street"))
_DISTILLED = ("distillation_weight", "distillation_divided_by_classes", "distillation")
_OF_WHOLE_IMAGES = tuple(f"student.distillation.{key}" for key in ("scales", "flip", "most_disk"))


def _draws_by_temperature(recipe: Recipe) -> bool:
    sampling = recipe.search.sampling
    if recipe.search.mode == "exact":
        return recipe.search.exact_widths == "straight-through" and bool(recipe.students())
    return "one" in (
        sampling.architecture_operators,
        sampling.architecture_parents,
        sampling.architecture_widths,
    )


def _updates_each(search: SearchSettings) -> bool:
    return search.mode == "sampled" and search.sampling.weight_updates == "each"


def _scores_what_it_learns(recipe: Recipe, role: Role) -> bool:
    trained, scored = (
        {part.strip() for split in splits for part in split.split("+")}
        for splits in (recipe.learnt_by(role), (recipe.data.val_split,))
    )
    return bool(trained & scored)


def _of_rate(section: str) -> Idle:
    """What holds of each rate that may go down epoch by epoch."""
    return Idle(
        (f"{section}.epoch_decay", f"{section}.steps_per_epoch"),
        lambda recipe: attrgetter(f"{section}.schedule")(recipe) != "paper",
        f"it belongs to {section}.schedule paper",
    )


def _of_scales(section: str) -> Idle:
    """What holds of each section's crops: scales are some factors, or all between two."""
    return Idle(
        (f"{section}.augmentation.scale_low", f"{section}.augmentation.scale_high"),
        lambda recipe: bool(attrgetter(f"{section}.augmentation.scales")(recipe)),
        f"{section}.augmentation.scales names the factors one by one",
    )


def _of_training(role: Role) -> tuple[Idle, ...]:
    """What holds of either role's training."""

    def settings(recipe: Recipe) -> TrainingSettings:
        return recipe.training_of(role)

    return (
        Idle(
            (f"{role}.evaluate_every",),
            lambda recipe: _scores_what_it_learns(recipe, role),
            "images that a network is trained on are scored at the end only",
        ),
        Idle(
            (f"{role}.start",),
            lambda recipe: not (recipe.search.pretrain_steps or recipe.search.steps),
            "with search.pretrain_steps 0 and search.steps 0 the supernet learns nothing",
        ),
        Idle(
            (f"{role}.initialisation",),
            lambda recipe: settings(recipe).start == "supernet",
            f"with {role}.start supernet the first weights are the supernet's",
        ),
        Idle(
            (f"{role}.poly_power",),
            lambda recipe: settings(recipe).schedule != "poly",
            f"it belongs to {role}.schedule poly",
        ),
        _of_rate(role),
        _of_scales(role),
    )


def _of_loss(section: Literal["search", "teacher", "student"]) -> tuple[Idle, ...]:
    """What holds of each loss: either of its settings for hard pixels may let all pixels count."""

    def hard(recipe: Recipe) -> tuple[float, float]:
        settings: SearchSettings | TrainingSettings = getattr(recipe, section)
        return settings.ohem_threshold, settings.ohem_kept_fraction

    return (
        Idle(
            (f"{section}.ohem_threshold",),
            lambda recipe: hard(recipe)[0] < 1 == hard(recipe)[1],
            f"with {section}.ohem_kept_fraction 1 every pixel counts",
        ),
        Idle(
            (f"{section}.ohem_kept_fraction",),
            lambda recipe: hard(recipe)[1] < 1 == hard(recipe)[0],
            f"with {section}.ohem_threshold 1 every pixel counts",
        ),
        Idle(
            (f"{section}.auxiliary_weight",),
            lambda recipe: recipe.space.coarsest < 16,
            "only branches of output stride 16 and more have auxiliary heads",
        ),
    )


RULES: tuple[Idle, ...] = (
    Idle(
        ("data.unlabelled",),
        lambda recipe: (recipe.data.source, recipe.data.layout) in _BUILT_IN,
        "the built-in scenes have some of their own: data.street.unlabelled",
    ),
    Idle(
        ("data.unlabelled_every",),
        lambda recipe: not recipe.data.unlabelled,
        "it is for videos that data.unlabelled names; a data file has its own",
    ),
    Idle(
        ("search.heads",),
        lambda recipe: [len(branches) for branches in recipe.space.branch_sets] == [1],
        "networks of this space have one branch, and so one head",
    ),
    Idle(
        ("search.auxiliary_weight",),
        lambda recipe: recipe.search.heads == "all",
        "with search.heads all there are no auxiliary heads",
    ),
    Idle(
        ("search.shared",),
        lambda recipe: sum(one.is_searched for one in recipe.contenders) == 1,
        "one contender is searched, and shares with nobody",
    ),
    Idle(
        ("target.transfer",),
        lambda recipe: not recipe.target.device.startswith("cuda"),
        "only images for a GPU are copied",
    ),
    Idle(
        ("target.max_drop",),
        lambda recipe: recipe.target.precision != "int8",
        "only a network in int8 may lose points",
    ),
    Idle(
        ("search.sampling",),
        lambda recipe: recipe.search.mode == "exact",
        "with search.mode exact nothing is sampled",
    ),
    Idle(
        ("search.passes",),
        lambda recipe: _updates_each(recipe.search),
        "with search.sampling.weight_updates each every pass is an update of its own",
    ),
    Idle(
        ("search.exact_widths",),
        lambda recipe: recipe.search.mode == "sampled" or not recipe.students(),
        "it says how a student's widths learn in search.mode exact",
    ),
    Idle(
        ("search.temperature",),
        lambda recipe: not _draws_by_temperature(recipe),
        "only an exact search's student with search.exact_widths straight-through, and what "
        "search.sampling.architecture_operators, architecture_parents or architecture_widths take "
        "as one, goes by a temperature",
    ),
    Idle(
        (
            *_STEERED,
            "search.penalty_strength",
            "search.selection",
            "search.random_widths",
            "budget",
        ),
        lambda recipe: not recipe.students(),
        "no contender is a student",
    ),
    Idle(
        ("budget",),
        lambda recipe: all(
            one.budget is not None for one in recipe.written_contenders if one.role == "student"
        ),
        "every student has a budget of its own, beside its name",
    ),
    Idle(
        _STEERED,
        lambda recipe: recipe.search.penalty_strength == 0,
        "with search.penalty_strength 0 there is no penalty",
    ),
    Idle(
        _TERMS,
        lambda recipe: recipe.search.penalty.balanced,
        "with search.penalty.balanced the terms' weights follow from what was measured",
    ),
    Idle(
        (*_TERMS, "search.penalty.balanced", "search.penalty.others"),
        lambda recipe: not recipe.search.penalty.decoupled,
        "with search.penalty.decoupled false the penalty is one term",
    ),
    Idle(
        ("search.control_gain",),
        lambda recipe: recipe.search.control.window is not None,
        "with search.control.window the strength moves by search.control.factor",
    ),
    Idle(
        ("search.control.factor",),
        lambda recipe: recipe.search.control.window is None,
        "it belongs to search.control.window",
    ),
    Idle(
        _SELECTED,
        lambda recipe: recipe.search.selection.candidates == 1,
        "with search.selection.candidates 1 a student is the most probable network",
    ),
    Idle(
        ("search.selection.trained_steps",),
        lambda recipe: recipe.search.selection.trained == 0,
        "with search.selection.trained 0 no finalist is trained",
    ),
    Idle(
        ("search.selection.population", "search.selection.crossover"),
        lambda recipe: recipe.search.selection.probable + recipe.search.selection.even == 1,
        "with search.selection.probable and even 1 together no candidate has parents",
    ),
    Idle(
        ("search.penalty_strength", "search.architecture_lr", "search.schedule"),
        lambda recipe: recipe.search.steps == 0,
        "with search.steps 0 architecture parameters do not learn",
    ),
    Idle(
        ("search.random_widths",),
        lambda recipe: recipe.search.pretrain_steps == 0,
        "with search.pretrain_steps 0 there is no pre-training, which alone runs random widths",
    ),
    Idle(
        ("teacher",),
        lambda recipe: all(one.role != "teacher" for one in recipe.contenders),
        "no contender is a teacher",
    ),
    Idle(
        ("teacher.start", "teacher.initialisation"),
        lambda recipe: all(one.baseline for one in recipe.contenders if one.role == "teacher"),
        "a baseline is in no supernet, and draws its first weights in its own way",
    ),
    Idle(
        ("teacher.pretrained",),
        lambda recipe: not any(one.architecture in ENCODERS for one in recipe.contenders),
        "no teacher is a baseline whose encoder has learned weights",
    ),
    Idle(
        tuple(f"teacher.{key}" for key in _DISTILLED),
        lambda _: True,
        "a teacher learns from no other network",
    ),
    Idle(
        ("student.start",),
        lambda recipe: not recipe.students(),
        "no contender is a student, and a baseline is in no supernet",
    ),
    Idle(
        ("student.distillation_divided_by_classes", "student.distillation"),
        lambda recipe: recipe.student.distillation_weight == 0,
        "with student.distillation_weight 0 nothing is distilled",
    ),
    Idle(
        _OF_WHOLE_IMAGES,
        lambda recipe: recipe.student.distillation.answers == "live",
        "with student.distillation.answers live a teacher sees each crop as the student does",
    ),
    *_of_training("teacher"),
    *_of_training("student"),
    _of_rate("search"),
    _of_rate("search.pretraining"),
    _of_scales("search"),
    _of_scales("search.pretraining"),
    Idle(
        ("search.pretraining",),
        lambda recipe: recipe.search.pretrain_steps == 0,
        "with search.pretrain_steps 0 there is no pre-training",
    ),
    *_of_loss("search"),
    *_of_loss("teacher"),
    *_of_loss("student"),
)
