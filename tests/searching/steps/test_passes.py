"""What a step runs: pure samples, ends of the sandwich in turn, and what two students cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from small_searches import small_search
from small_spaces import make_space, make_student, make_teacher
from torch import Tensor

from fasterseg.searching.steps.passes import Passes
from fasterseg.space.choices import OUTER, STEM
from fasterseg.supernet.relaxation import Relaxation

SPACE = make_space(4, expansions=(2, 3, 4))
STUDENTS = (make_student(name="fast"), make_student(name="slow"))
BOTH = (make_teacher(), *STUDENTS)


def passes_of(mode: str, *, seed: int = 0, sampling: Any = None, contenders: Any = BOTH) -> Passes:
    search = small_search(
        seed=seed, space=SPACE, contenders=contenders, mode=mode, sampling=sampling or {}
    )
    return search.cosearch.passes


def flat(relaxations: Iterable[Relaxation]) -> list[Tensor]:
    return [weights.detach() for relaxation in relaxations for weights in relaxation.values()]


def all_of(passes: Passes, index: int) -> list[Tensor]:
    architecture = [passes.architecture(c, index, temperature=1.0) for c in passes.contenders]
    return flat(
        [*passes.pretraining(index), *passes.weights(index, temperature=1.0), *architecture]
    )


@pytest.mark.parametrize("mode", ["exact", "sampled"])
def test_what_a_step_runs_depends_on_seed_name_and_index_alone(mode: str) -> None:
    """Not on what was sampled before: a search that goes on from a checkpoint samples the same."""
    passes = passes_of(mode)
    first = all_of(passes, 7)
    all_of(passes, 8)
    again, other_index, other_seed = (
        all_of(passes, 7),
        all_of(passes, 9),
        all_of(passes_of(mode, seed=1), 7),
    )
    assert all(torch.equal(*pair) for pair in zip(first, again, strict=True))
    assert not all(torch.equal(*pair) for pair in zip(first, other_index, strict=True))
    assert not all(torch.equal(*pair) for pair in zip(first, other_seed, strict=True))


def test_a_contenders_samples_do_not_depend_on_who_else_is_searched() -> None:
    together, alone = passes_of("sampled"), passes_of("sampled", contenders=STUDENTS[:1])
    fast = next(c for c in together.contenders if c.name == "fast")
    found = flat([together.architecture(fast, 3, temperature=1.0)])
    wanted = flat([alone.architecture(alone.contenders[0], 3, temperature=1.0)])
    assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))


def test_students_take_turns_at_the_ends_of_the_sandwich() -> None:
    passes = passes_of("sampled")
    counts = [len([*passes.weights(index, temperature=1.0)]) for index in range(2)]
    # The teacher's, the two ends of one student, and one of each student.
    assert counts == [5, 5]
    one = passes_of("sampled", contenders=BOTH[:2])
    assert len([*one.weights(0, temperature=1.0)]) == 4
    exact = passes_of("exact")
    assert len([*exact.weights(0, temperature=1.0)]) == 5, "in both modes"


@pytest.mark.parametrize("mode", ["exact", "sampled"])
def test_another_student_costs_the_pretraining_nothing(mode: str) -> None:
    """Kinds and widths are sampled evenly there, for whichever student."""
    one, two = passes_of(mode, contenders=BOTH[:2]), passes_of(mode)
    for index in range(4):
        alone, turns = [*one.pretraining(index)], [*two.pretraining(index)]
        assert len(alone) == len(turns) == 1 + 2 + two.settings.random_widths
        # The first student's passes are those of a search for it alone, when it is its turn.
        same = [torch.equal(*pair) for pair in zip(flat(alone), flat(turns), strict=True)]
        assert all(same) == (index % 2 == 0)


def test_over_two_steps_each_student_runs_its_widest_and_its_narrowest() -> None:
    settings = (
        make_teacher(),
        make_student(name="fast", stem_expansion=2),
        make_student(name="slow", stem_expansion=4),
    )
    passes = passes_of("sampled", contenders=settings)
    ends = set()
    for index in range(2):
        for relaxation in [*passes.weights(index, temperature=1.0)][1:]:
            widths = relaxation.section("widths")
            inner = {n: w for n, w in widths.items() if n not in OUTER}
            taken = {int(weights.argmax()) for weights in inner.values()}
            if len(taken) == 1:
                ends.add((int(relaxation[STEM].argmax()), taken.pop()))
    assert ends >= {(0, 0), (0, 2), (1, 0), (1, 2)}


def decided_on_one(passes: Passes) -> Passes:
    """The passes, all contenders having decided on one kind each."""
    for contender in passes.contenders:
        with torch.no_grad():
            contender.parameters.operator_logits[:, 2] = 9.0
    return passes


def share_of_one_kind(relaxations: Iterable[Relaxation]) -> float:
    rows = [row for one in relaxations for row in one.section("kinds").values()]
    return sum(float(row[2] > 0) for row in rows) / len(rows)


@pytest.mark.parametrize(
    ("how", "decided", "even"),
    [
        ("even", ("teacher", "fast", "slow"), True),
        ("probable", (), False),
        ("even-until-decided", (), True),
        ("even-until-decided", ("teacher", "fast", "slow"), False),
    ],
)
def test_weights_learn_from_kinds_that_are_sampled_evenly_or_by_probability(
    how: str, decided: tuple[str, ...], even: bool
) -> None:
    passes = decided_on_one(passes_of("sampled", sampling={"weight_kinds": how}))
    run = [one for i in range(8) for one in passes.weights(i, temperature=1.0, decided=decided)]
    assert (share_of_one_kind(run) < 0.6) == even
    before = [one for index in range(8) for one in passes.pretraining(index)]
    assert (share_of_one_kind(before) < 0.6) == (how != "probable")


def test_who_has_decided_its_kinds_changes_nobody_elses_samples() -> None:
    passes = decided_on_one(passes_of("sampled", contenders=STUDENTS[:1]))
    alone = flat(passes.weights(0, temperature=1.0))
    others = flat(passes.weights(0, temperature=1.0, decided=("slow",)))
    assert all(torch.equal(*pair) for pair in zip(alone, others, strict=True))


def options_run(weights: Iterable[Tensor]) -> int:
    return max(int((w != 0).sum()) for w in weights)


@pytest.mark.parametrize(("count", "most"), [("one", 1), ("two", 2), ("all", 5)])
def test_an_architecture_step_runs_as_many_options_as_it_is_told(count: str, most: int) -> None:
    sampling = {"architecture_operators": count, "architecture_parents": count}
    passes = passes_of("sampled", sampling=sampling)
    sampled = passes.architecture(passes.contenders[-1], 0, temperature=1.0)
    assert options_run(sampled.section("kinds").values()) == most
    assert options_run(sampled.section("paths").values()) == min(most, 2)
    assert options_run(sampled.section("widths").values()) <= 2
    assert all(weights.requires_grad for weights in sampled.section("kinds").values())


def test_a_weight_step_runs_one_parent_of_each_fork_and_needs_no_gradient() -> None:
    passes = passes_of("sampled", sampling={"weight_operators": "one"})
    for relaxation in passes.weights(0, temperature=1.0):
        assert options_run(relaxation.values()) == 1
        assert not any(weights.requires_grad for weights in relaxation.values())
