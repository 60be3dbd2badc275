"""The co-search: who moves what, on which images, and that it goes on as if never stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
import torch
from small_searches import OPERATORS, SmallSearch, random_batch, small_search
from small_spaces import PRICING, make_space, make_student, make_teacher
from torch import Tensor

from fasterseg.checkpoints import load_checkpoint
from fasterseg.datasets.batches.loading import Batch
from fasterseg.errors import Diverged
from fasterseg.layers.units import Take
from fasterseg.learning.ranks import ALONE
from fasterseg.learning.stepping import Stage, StageState, run_steps, without_clock
from fasterseg.searching.cosearch import KINDS_DECIDED_AT
from fasterseg.searching.derivation import derive
from fasterseg.searching.steps.contenders import all_parameters
from fasterseg.searching.steps.passes import in_turn
from fasterseg.searching.steps.penalty import latency_penalty
from fasterseg.space.choices import SECTIONS
from fasterseg.supernet.relaxation import Relaxation

DECIDED = f"student/{KINDS_DECIDED_AT}"
BETWEEN_MS = 13.8
"""What an untrained student of six layers may take, or just not, by the toss of a coin."""


def copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def weights_of(search: SmallSearch) -> dict[str, Tensor]:
    return copies(search.weights.supernet.state_dict())


def architecture_of(search: SmallSearch) -> dict[str, Tensor]:
    return copies(all_parameters(search.contenders))


def equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def weight_step(search: SmallSearch, index: int) -> None:
    relaxations = [*search.cosearch.passes.weights(index, temperature=1.0)]
    search.weights.step(random_batch("weights", index), relaxations, index=index)


def test_a_million_times_the_architecture_gradient_does_not_move_the_weights() -> None:
    plain, blown_up = small_search(), small_search()
    for search in (plain, blown_up):
        search.cosearch._architecture_step(0)
    for parameter in all_parameters(blown_up.contenders).values():
        assert parameter.grad is not None
        assert float(parameter.grad.abs().max()) > 0
        parameter.grad *= 1e6
    for search in (plain, blown_up):
        weight_step(search, 1)
    assert equal(weights_of(plain), weights_of(blown_up))


def test_an_architecture_step_moves_every_contender_and_no_weight() -> None:
    search = small_search()
    weights, architecture = weights_of(search), architecture_of(search)
    search.cosearch._architecture_step(0)
    assert equal(weights, weights_of(search))
    assert all(parameter.grad is None for parameter in search.weights.supernet.parameters())
    assert [*search.weights.gradients] == []
    for name, tensor in architecture_of(search).items():
        assert not torch.equal(tensor, architecture[name]), name


def test_a_weight_step_moves_weights_and_no_architecture_parameter() -> None:
    search = small_search()
    weights, architecture = weights_of(search), architecture_of(search)
    weight_step(search, 0)
    assert equal(architecture, architecture_of(search))
    assert all(parameter.grad is None for parameter in all_parameters(search.contenders).values())
    moved = weights_of(search)
    assert sum(not torch.equal(moved[name], weights[name]) for name in weights) > len(weights) / 2


def test_a_contenders_gradient_is_that_of_its_own_task_and_penalty_alone() -> None:
    """No pass at other widths, and nothing of the other contenders, is in it."""
    search = small_search(penalty_strength=2.0)
    search.cosearch._architecture_step(0)
    again = small_search(penalty_strength=2.0)
    batch = random_batch("architecture", 0)
    for moved, contender in zip(search.contenders, again.contenders, strict=True):
        parameters = contender.parameters
        sampled = again.cosearch.passes.architecture(contender, 0, temperature=1.0)
        (loss,) = again.weights.objective.parts(again.weights.supernet, batch, sampled)
        if contender.budget_ms is not None:
            loss = loss + 2.0 * latency_penalty(
                again.latency.expected,
                parameters.probabilities(),
                unit_ms=contender.budget_ms,
                weights=again.latency.weights[contender.name],
            )
        wanted = torch.autograd.grad(loss, list(parameters.parameters()))
        for parameter, gradient in zip(moved.parameters.parameters(), wanted, strict=True):
            assert parameter.grad is not None
            assert torch.equal(parameter.grad, gradient)


class Noting:
    """An objective that notes the names of the images it sees, by whose gradient is wanted."""

    def __init__(self, search: SmallSearch) -> None:
        self.true_objective = search.weights.objective
        self.accumulate, self.ranks = 1, ALONE
        self.seen: dict[str, set[str]] = {"weights": set(), "architecture": set()}

    def parts(
        self, supernet: Any, batch: Batch, relaxation: Relaxation, *, take: Take
    ) -> Iterator[Tensor]:
        soft = [*relaxation.section("kinds").values(), *relaxation.section("paths").values()]
        wanted = "architecture" if any(w.requires_grad for w in soft) else "weights"
        self.seen[wanted] |= set(batch.names)
        return self.true_objective.parts(supernet, batch, relaxation, take=take)


@pytest.mark.parametrize("updates", ["each", "together"])
def test_weights_and_architecture_learn_from_different_images(updates: str) -> None:
    search = small_search(steps=2, sampling={"weight_updates": updates})
    noting = Noting(search)
    search.weights.objective = noting  # type: ignore[assignment]
    passes = search.pretraining.passes

    def batches(of_a_step: Iterable[object]) -> range:
        return range(2 * (len([*of_a_step]) if updates == "each" else 1))

    for index in range(2):
        search.pretraining.step(index)
    wanted = batches(passes.pretraining(0))
    assert noting.seen["weights"] == {
        f"weights-{batch}-{at}" for batch in wanted for at in range(2)
    }
    assert not noting.seen["architecture"]
    noting.seen["weights"].clear()
    for index in range(2):
        search.cosearch.step(index)
    wanted = batches(passes.weights(0, temperature=1.0))
    weights, architecture = noting.seen["weights"], noting.seen["architecture"]
    assert len(wanted) > 2 or updates == "together"
    assert weights == {f"weights-{batch}-{at}" for batch in wanted for at in range(2)}
    assert architecture == {f"architecture-{step}-{at}" for step in range(2) for at in range(2)}


def test_teacher_and_student_have_records_of_their_own() -> None:
    search = small_search(budget_ms=6.0)
    event = search.cosearch.step(0)
    for key in ("loss", "derived_ms", "expected_ms", "operator_entropy", "width_entropy"):
        assert event[f"teacher/{key}"] != event[f"student/{key}"], key
    assert event["student/budget_ms"] == 6.0
    assert "teacher/budget_ms" not in event
    assert "teacher/penalty_strength" not in event
    for contender in search.contenders:
        probabilities = contender.parameters.probabilities()
        with torch.no_grad():
            expected = float(search.latency.expected(probabilities))
        assert event[f"{contender.name}/expected_ms"] == pytest.approx(expected)
        derived = PRICING(derive(contender.options, probabilities))
        assert event[f"{contender.name}/derived_ms"] == pytest.approx(derived)


def test_two_students_have_budgets_and_strengths_of_their_own() -> None:
    settings = (make_student(name="fast"), make_student(name="slow"))
    search = small_search(contenders=settings, budget_ms=1.0)
    event = search.cosearch.step(0)
    assert event["fast/loss"] != event["slow/loss"]
    assert set(search.cosearch.strengths) == {"fast", "slow"}


def passes_of(search: SmallSearch, index: int) -> list[str]:
    """Whose relaxations a weight step runs, told by whose kinds they weigh."""
    own = {
        contender.name: contender.parameters.probabilities()["kinds.cells.0.8"]
        for contender in search.contenders
    }
    found = []
    for relaxation in search.cosearch.passes.weights(index, temperature=1.0):
        weights = relaxation["kinds.cells.0.8"]
        names = [name for name, wanted in own.items() if torch.equal(weights, wanted)]
        found += names
    return found


def test_students_that_may_take_the_same_take_turns_in_the_sandwich() -> None:
    """Another budget costs what its student samples: widest and narrowest are the same networks."""
    students = (make_student(name="fast"), make_student(name="slow"))
    search = small_search(mode="exact", contenders=(make_teacher(), *students))
    assert passes_of(search, 0) == ["teacher", "fast", "fast", "fast", "slow"]
    assert passes_of(search, 1) == ["teacher", "fast", "slow", "slow", "slow"]
    for index, due in ((0, "fast"), (1, "slow"), (2, "fast")):
        assert [c.name for c in in_turn(search.contenders, index)] == ["teacher", due]
    randoms = search.weights.settings.random_widths
    assert len(list(search.cosearch.passes.pretraining(0))) == 1 + 2 + randoms


def test_students_of_other_options_have_a_sandwich_each() -> None:
    students = (make_student(name="fast"), make_student(name="wide", head_expansion=4))
    search = small_search(mode="exact", contenders=students)
    assert [c.name for c in in_turn(search.contenders, 0)] == ["fast", "wide"]
    assert passes_of(search, 3) == ["fast", "fast", "fast", "wide", "wide", "wide"]


def test_each_student_has_the_penalty_s_weights_that_are_its_own() -> None:
    settings = (make_student(name="fast"), make_student(name="slow"))
    search = small_search(contenders=settings, penalty_strength=1.0)
    fast, slow = search.contenders
    before = torch.as_tensor(search.cosearch._penalty(slow)).item()
    own = {"fast": dict.fromkeys(SECTIONS, 0.0)}
    search.latency.weights = {**search.latency.weights, **own}
    assert torch.as_tensor(search.cosearch._penalty(fast)).item() == 0.0
    assert torch.as_tensor(search.cosearch._penalty(slow)).item() == before > 0.0


def test_the_teacher_feels_no_latency_and_the_student_does() -> None:
    free, priced = small_search(penalty_strength=0.0), small_search(penalty_strength=100.0)
    for search in (free, priced):
        search.cosearch._architecture_step(0)
    found = {
        name: torch.equal(tensor, architecture_of(priced)[name])
        for name, tensor in architecture_of(free).items()
    }
    assert found["teacher/operator_logits"]
    assert found["teacher/path_logits"]
    assert not any(same for name, same in found.items() if name.startswith("student/"))


def test_a_strong_penalty_makes_the_student_faster() -> None:
    search = small_search(penalty_strength=1e4, control_gain=0.0, architecture_lr=0.05)
    student = search.contenders[1]
    latencies = []
    for index in range(8):
        search.cosearch._architecture_step(index)
        with torch.no_grad():
            latencies.append(float(search.latency.expected(student.parameters.probabilities())))
    assert latencies[-1] < 0.97 * latencies[0]


@pytest.mark.parametrize(("budget_ms", "rises"), [(1.0, True), (100.0, False)])
def test_the_penalty_is_steered_by_the_budget(budget_ms: float, rises: bool) -> None:
    search = small_search(budget_ms=budget_ms)
    before = search.cosearch.strengths["student"]
    search.cosearch.step(0)
    assert (search.cosearch.strengths["student"] > before) == rises
    assert search.cosearch.strengths["teacher"] == before


def test_the_penalty_is_steered_by_the_expected_latency_and_not_by_a_tie_break() -> None:
    """Untrained parameters tell nothing: the network that they put first is any network."""
    space = make_space(6, operators=OPERATORS)
    derived, expected, strengths = [], [], []
    for seed in range(8):
        search = small_search(seed=seed, space=space, budget_ms=BETWEEN_MS)
        student = search.contenders[1]
        told = dict(search.cosearch._control(student))
        derived.append(told["derived_ms"])
        expected.append(told["expected_ms"])
        strengths.append(search.cosearch.strengths["student"])
    assert stdev(derived) / fmean(derived) > 0.03, "the test must see jumps"
    assert min(derived) < BETWEEN_MS < max(derived), "it must see them in both directions"
    assert stdev(expected) / fmean(expected) < 1e-3
    assert stdev(strengths) / fmean(strengths) < 5e-3


def test_a_penalty_that_can_grow_no_more_is_told_once() -> None:
    told: list[str] = []
    search = small_search(budget_ms=1.0, warn=told.append, control_every=1, penalty_strength=0.01)
    student = search.contenders[1]
    for _ in range(10):
        list(search.cosearch._control(student))
    assert search.cosearch.strengths["student"] == pytest.approx(1.0)
    assert sum("search.penalty_strength" in text for text in told) == 1


def test_a_collapse_is_told_with_the_contenders_name() -> None:
    told: list[str] = []
    search = small_search(warn=told.append, control_every=1)
    student = search.contenders[1]
    with torch.no_grad():
        student.parameters.operator_logits[:, 0] = 50.0
    for _ in range(3):
        list(search.cosearch._control(student))
    assert any(text.startswith("student: ") and "skip" in text for text in told)


def test_the_temperature_falls_geometrically_and_is_one_by_default() -> None:
    assert [small_search().cosearch.temperature(step) for step in range(4)] == [1.0] * 4
    search = small_search(steps=10, temperature={"start": 4.0, "end": 0.25}).cosearch
    found = [search.temperature(step) for step in range(10)]
    ratios = {round(after / before, 9) for before, after in pairwise(found)}
    assert found[0] == 4.0
    assert ratios == {round((0.25 / 4.0) ** 0.1, 9)}


def test_pre_training_leaves_the_architecture_parameters_alone() -> None:
    search = small_search()
    before = architecture_of(search)
    search.pretraining.step(0)
    assert equal(before, architecture_of(search))


def test_a_loss_that_is_not_finite_stops_the_search_before_any_update() -> None:
    def poisoned(step: int) -> Batch:
        batch = random_batch("architecture", step)
        return Batch(batch.images * float("nan"), batch.labels, batch.names)

    search = small_search(architecture_batch=poisoned)
    before = architecture_of(search)
    with pytest.raises(Diverged, match="not finite") as caught:
        search.cosearch._architecture_step(0)
    assert "architecture-0-0" in caught.value.where
    assert equal(before, architecture_of(search))


@pytest.mark.parametrize("branches", [(8,), (16,)])
def test_spaces_with_few_choices_can_be_searched(branches: tuple[int, ...]) -> None:
    search = small_search(space=make_space(2, branches=branches))
    event = search.cosearch.step(0)
    assert event["student/loss"] > 0


def test_a_teacher_can_be_searched_alone() -> None:
    search = small_search(contenders=(make_teacher(),))
    assert search.pretraining.step(0)["loss"] > 0
    assert search.cosearch.step(0)["teacher/loss"] > 0


def test_a_contender_that_has_decided_its_kinds_is_told_once_and_goes_by_probability() -> None:
    told: list[str] = []
    search = small_search(control_every=1, note=told.append, steps=4, penalty_strength=0.0)
    student = search.contenders[1]
    assert DECIDED not in search.cosearch.step(0)
    assert not search.cosearch.decided_at
    with torch.no_grad():
        student.parameters.operator_logits[:, 1] = 8.0
    before = [*search.cosearch.passes.weights(2, temperature=1.0)]
    event = search.cosearch.step(1)
    assert event[DECIDED] == 2
    assert search.cosearch.decided_at == {"student": 2}
    assert DECIDED not in search.cosearch.step(2)
    assert [text.split(":")[0] for text in told] == ["student"]
    after = search.cosearch.passes.weights(2, temperature=1.0, decided=search.cosearch.decided_at)
    assert kinds_run(before) > 3 * kinds_run(after)


def kinds_run(passes: Iterable[Relaxation]) -> int:
    """At how many places of a student's passes another kind runs than the one decided on."""
    student = [*passes][1:]
    return sum(
        bool(row[0] + row[2] > 0) for one in student for row in one.section("kinds").values()
    )


@pytest.mark.parametrize("how", ["even", "probable"])
def test_where_kinds_are_always_sampled_alike_nothing_is_switched(how: str) -> None:
    search = small_search(control_every=1, sampling={"weight_kinds": how})
    with torch.no_grad():
        search.contenders[1].parameters.operator_logits[:, 1] = 8.0
    assert DECIDED not in search.cosearch.step(0)


class Stopping:
    """A stage that fails at a step, as if the process had been killed there."""

    def __init__(self, stage: Stage, at: int) -> None:
        self.stage, self.at = stage, at

    def step(self, index: int) -> Mapping[str, Any]:
        event = self.stage.step(index)
        if index == self.at:
            raise KeyboardInterrupt
        return event

    def state(self) -> StageState:
        return self.stage.state()

    def restore(self, state: StageState) -> None:
        self.stage.restore(state)


def stage_of(name: str, seed: int = 0) -> Stage:
    """A stage of a search whose student decides its kinds in the second step."""
    search = small_search(
        seed=seed,
        control_every=1,
        temperature={"start": 2.0, "end": 0.5},
        budget_ms=6.0,
        penalty_strength=1e4,
        architecture_lr=0.1,
    )
    return search.pretraining if name == "pretraining" else search.cosearch


@pytest.mark.parametrize("name", ["pretraining", "cosearch"])
def test_a_stage_that_is_killed_and_resumed_ends_like_one_that_was_not(
    tmp_path: Path, name: str
) -> None:
    whole = run_steps(stage_of(name), tmp_path / "whole", steps=3, checkpoint_every=2)
    with pytest.raises(KeyboardInterrupt):
        run_steps(Stopping(stage_of(name), at=2), tmp_path / "killed", steps=3, checkpoint_every=2)
    resumed = run_steps(stage_of(name), tmp_path / "killed", steps=3, checkpoint_every=2)
    assert resumed.resumed_at == 2
    decided = [one[DECIDED] for one in resumed.events() if DECIDED in one]
    assert decided == ([2] if name == "cosearch" else []), "what was decided must be remembered"
    assert without_clock(resumed.events()) == without_clock(whole.events())
    ends = [load_checkpoint(tmp_path / run / "checkpoints") for run in ("whole", "killed")]
    assert ends[0] is not None
    assert ends[1] is not None
    assert equal(ends[0].tensors, ends[1].tensors)
    assert without_clock(ends[0].values) == without_clock(ends[1].values)


def test_the_state_of_a_search_holds_weights_parameters_and_both_optimisers() -> None:
    search = small_search()
    search.cosearch.step(0)
    state = search.cosearch.state()
    kinds = {name.split("/")[0] for name in state.tensors}
    assert kinds == {"supernet", "weight_optimizer", "architecture", "architecture_optimizer"}
    assert set(state.values) == {"strengths", "guards", "decided_at", "visits"}


def test_a_search_is_a_function_of_its_seed() -> None:
    first, again, other = (small_search(seed=seed) for seed in (0, 0, 1))
    for search in (first, again, other):
        search.cosearch.step(0)
    assert equal(weights_of(first), weights_of(again))
    assert equal(architecture_of(first), architecture_of(again))
    assert not equal(architecture_of(first), architecture_of(other))
