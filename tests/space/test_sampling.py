from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from small_spaces import every_assignment, make_student

from fasterseg.config import SearchSpace
from fasterseg.errors import BudgetError
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.assignment import architecture_of
from fasterseg.space.blocks import Size
from fasterseg.space.choices import STEM
from fasterseg.space.options import Options
from fasterseg.space.sampling import architectures_near, random_architecture, random_assignment

GEOMETRY = Geometry(Size(64, 128), 5)


def options_of(layers: int, **changes: object) -> Options:
    space = SearchSpace.model_validate({"layers": layers, "expansions": (4, 8), **changes})
    return Options.of(space, make_student(stem_expansion=8, head_expansion=8))


def macs(architecture: Architecture) -> float:
    return wire(architecture, GEOMETRY).macs / 1e6


def test_a_random_architecture_takes_only_what_the_options_allow() -> None:
    space = SearchSpace(layers=6, expansions=(4, 10), head_expansions=(6, 8))
    student = make_student(operators=("conv", "zoomed_conv"), stem_expansion=12, head_expansion=6)
    options = Options.of(space, student)
    for seed in range(50):
        found = random_architecture(options, Random(seed))
        assert found.widths == {"stem": 12, "fusion": 6, "head": 6}
        assert [branch.stride for branch in found.branches] == [32, 16]
        for branch in found.branches:
            assert len(branch.cells) == 6
            assert not branch.cells[-1].down
            assert {cell.kind for cell in branch.cells} <= {"conv", "zoomed_conv"}
            assert {cell.expansion for cell in branch.cells[:-1]} <= {4, 10}


@pytest.mark.parametrize("branches", [(32, 16), (32, 16, 8), (32, 8), (16,)])
def test_branches_form_a_tree_so_that_no_cell_has_a_namesake(branches: tuple[int, ...]) -> None:
    options = options_of(7, branches=branches)
    for seed in range(100):
        steps = wire(random_architecture(options, Random(seed)), GEOMETRY).steps
        assert [s.name for s in steps if s.name.startswith("cells") and s.name.count(".") > 3] == []


def test_the_same_seed_draws_the_same_architecture() -> None:
    options = options_of(6)
    drawn = [random_architecture(options, Random(7)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != random_architecture(options, Random(8))


def test_every_choice_is_uniform() -> None:
    operators = ("skip", "conv", "conv_x2")
    options = Options.of_space(SearchSpace(layers=4, operators=operators, expansions=(4, 6, 8)))
    generator = Random(0)
    drawn = [random_assignment(options, generator) for _ in range(3000)]
    fork, cell = options.lattice.forks[0], options.lattice.nodes[2]
    names = (fork.path_choice, cell.kind_choice, STEM, "widths.cells.1.8")
    for name in names:
        counts = Counter(assignment[name] for assignment in drawn)
        assert len(counts) == len(options.choices[name]) > 1
        share = len(drawn) / len(counts)
        assert all(abs(count - share) < 5 * share**0.5 for count in counts.values()), counts


def test_architectures_near_a_latency_are_within_two_percent_of_it() -> None:
    options = options_of(6)
    sizes = sorted(macs(random_architecture(options, Random(seed))) for seed in range(100))
    for wanted in (sizes[5], sizes[50], sizes[95]):
        found = architectures_near(options, wanted, estimate_ms=macs, generator=Random(1), count=4)
        assert len({a.digest() for a in found}) > 1
        assert all(abs(macs(architecture) / wanted - 1) <= 0.02 for architecture in found)


def every_architecture(options: Options) -> set[Architecture]:
    return {architecture_of(options.lattice, taken) for taken in every_assignment(options)}


def cells_macs(architecture: Architecture) -> float:
    steps = wire(architecture, GEOMETRY).steps
    return sum(step.spec.macs for step in steps if step.name.startswith("cells")) / 1e6


def share_of_skips(architectures: list[Architecture]) -> float:
    cells = [cell for found in architectures for cell in found.branches[0].cells]
    return sum(cell.kind == "skip" for cell in cells) / len(cells)


def share_of_early_downs(architectures: list[Architecture]) -> float:
    return sum(found.branches[0].cells[0].down for found in architectures) / len(architectures)


def test_architectures_near_a_latency_are_as_frequent_as_under_plain_rejection() -> None:
    options = options_of(4, operators=("skip", "conv"), branches=(16,))
    known = {s.model_dump_json(): cells_macs(s) for s in every_architecture(options)}
    drawn = [random_architecture(options, Random(seed)) for seed in range(4000)]
    wanted = sorted(known[found.model_dump_json()] for found in drawn)[3000]
    by_rejection = [
        found for found in drawn if abs(known[found.model_dump_json()] / wanted - 1) <= 0.1
    ]
    assert 0.02 < len(by_rejection) / len(drawn) < 0.3
    found = architectures_near(
        options,
        wanted,
        estimate_ms=lambda architecture: known[architecture.model_dump_json()],
        generator=Random(0),
        count=600,
        tolerance=0.1,
    )
    for share in (share_of_skips, share_of_early_downs):
        assert share(list(found)) == pytest.approx(share(by_rejection), abs=0.08)


def test_a_latency_that_no_network_has_is_a_budget_error() -> None:
    options = options_of(3, operators=("conv",))
    with pytest.raises(BudgetError, match="within 2%") as caught:
        architectures_near(options, 1e6, estimate_ms=macs, generator=Random(0), count=1)
    assert caught.value.next_step
