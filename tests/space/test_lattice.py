"""The lattice holds what lies on a path from the stem to a kept branch, and nothing else."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from pydantic import ValidationError
from small_spaces import (
    GEOMETRY,
    UNTIED,
    make_space,
    make_student,
    make_teacher,
    open_student,
    random_architectures,
)

from fasterseg.config import STRIDES, SearchSpace
from fasterseg.space.architecture import Geometry, wire
from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.lattice import Edge, Lattice, Node
from fasterseg.space.options import Options

SUBSETS = [tuple(reversed(chosen)) for size in (1, 2, 3) for chosen in combinations(STRIDES, size)]


def lattices(branches: tuple[int, ...]) -> list[Lattice]:
    """Every depth from the shallowest that reaches the coarsest branch to the paper's."""
    shallowest = max(2, STRIDES.index(branches[0]) + 1)
    return [Lattice(make_space(layers, branches=branches)) for layers in range(shallowest, 17)]


def trails(layers: int, end: int) -> list[tuple[int, ...]]:
    """The strides of every path of so many cells from stride 8 to an end, found by trying all."""
    downs = STRIDES.index(end)
    found = []
    for places in combinations(range(1, layers), downs):
        found.append(tuple(8 << sum(place <= layer for place in places) for layer in range(layers)))
    return found


@pytest.mark.parametrize("branches", SUBSETS)
def test_nodes_and_edges_are_those_of_all_paths(branches: tuple[int, ...]) -> None:
    for lattice in lattices(branches):
        layers, nodes, edges = lattice.space.layers, set(), set()
        for end in branches:
            for trail in trails(layers, end):
                nodes |= {Node(layer, stride) for layer, stride in enumerate(trail)}
                edges |= {
                    Edge(Node(layer, stride), down=after > stride)
                    for layer, (stride, after) in enumerate(
                        zip(trail, (*trail[1:], end), strict=True)
                    )
                }
        assert set(lattice.nodes) == nodes
        assert set(lattice.edges) == edges
        assert len(lattice.nodes) == len(nodes)
        assert len(lattice.edges) == len(edges)


@pytest.mark.parametrize("branches", SUBSETS)
def test_every_edge_comes_after_those_that_feed_its_cell(branches: tuple[int, ...]) -> None:
    for lattice in lattices(branches):
        assert list(lattice.nodes) == sorted(lattice.nodes)
        left: set[Node] = set()
        for edge in lattice.edges:
            assert edge.target not in left
            left.add(edge.node)


@pytest.mark.parametrize("branches", SUBSETS)
def test_every_node_but_the_stems_has_parents_and_keep_comes_first(
    branches: tuple[int, ...],
) -> None:
    for lattice in lattices(branches):
        for node in lattice.nodes:
            parents = lattice.parents(node)
            assert bool(parents) == (node != Node(0, 8))
            assert [edge.down for edge in parents] in ([], [False], [True], [False, True])
            assert all(edge.target == node for edge in parents)
        assert all(len(lattice.parents(fork)) == 2 for fork in lattice.forks)


@pytest.mark.parametrize("branches", SUBSETS)
def test_partings_are_the_down_edges_of_the_branchs_own_paths(branches: tuple[int, ...]) -> None:
    for lattice in lattices(branches):
        layers = lattice.space.layers
        for branch, stride in product(branches, STRIDES):
            leaving = {
                Node(layer, stride)
                for trail in trails(layers, branch)
                for layer in range(layers - 1)
                if trail[layer] == stride < trail[layer + 1]
            }
            if stride < branch:
                assert {edge.node for edge in lattice.partings(branch, stride)} == leaving


def test_the_papers_space_has_the_papers_shape() -> None:
    lattice = Lattice(SearchSpace())
    by_stride = {s: [n.layer for n in lattice.nodes if n.stride == s] for s in STRIDES}
    assert by_stride[8] == list(range(15))
    assert by_stride[16] == list(range(1, 16))
    assert by_stride[32] == list(range(2, 16))


def test_widths_at_stem_and_head_are_choices_like_the_others() -> None:
    lattice = Lattice(make_space(4, stem_expansions=(3, 5), head_expansions=(7,)))
    assert lattice.width_options["stem"] == (3, 5)
    assert lattice.width_options["head"] == (7,)
    assert lattice.feature(Node(0, 8)).choice == "stem"
    assert lattice.feature(Node(4, 16)).choice == "head"
    assert lattice.feature(Node(2, 16)).choice == "2/16"


def test_the_fusion_is_a_choice_of_its_own_only_where_the_space_offers_widths_for_it() -> None:
    tied, untied = Lattice(make_space(4)), Lattice(make_space(4, fusion_expansions=(3, 5)))
    assert tied.fusion == "head"
    assert "fusion" not in tied.width_options
    assert untied.width_options["fusion"] == (3, 5)
    assert untied.feature(Node(4, 16)).choice == "fusion"
    for lattice, fuse_reads in ((tied, {"head"}), (untied, {"fusion", "head"})):
        fuse, head = lattice.join_slots(3)
        assert set(fuse.choices) == fuse_reads
        assert head.choices == ("head",)
        assert lattice.arm_slot(32, 16).choices == (lattice.fusion,)
        assert lattice.refine_slot(32, Node(0, 8)).choices == (lattice.fusion, "stem")


@pytest.mark.parametrize(
    ("layers", "changes"),
    [
        (1, {}),
        (65, {}),
        (2, {"branches": (32, 16)}),
        (4, {"branches": (16, 32)}),
        (4, {"branches": ()}),
        (4, {"branches": (64,)}),
        (4, {"expansions": (4, 2)}),
        (4, {"expansions": (0, 2)}),
        (4, {"expansions": ()}),
        (4, {"fusion_expansions": (4, 2)}),
        (4, {"fusion_expansions": (0, 2)}),
        (4, {"operators": ("conv", "skip")}),
        (4, {"operators": ()}),
    ],
)
def test_a_space_without_sense_is_refused(layers: int, changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make_space(layers, **changes)


@pytest.mark.parametrize("branches", SUBSETS)
def test_slots_of_the_lattice_describe_the_blocks_of_every_network(
    branches: tuple[int, ...],
) -> None:
    space = make_space(4, branches=branches)
    lattice, options = Lattice(space), Options.of_space(space)
    known: dict[str, set[BlockSpec]] = {}
    for edge in lattice.edges:
        slot = lattice.cell_slot(edge)
        for kind in slot.kinds:
            specs = options.specs(slot, kind, GEOMETRY.size)
            known.setdefault(slot.name, set()).update(specs)
    for architecture in random_architectures(options, 20):
        for step in wire(architecture, GEOMETRY).steps:
            if step.name.startswith("cells.") and not step.spec.is_identity:
                assert step.spec in known[step.name]


def test_a_contender_may_take_its_own_operators_and_widths_only() -> None:
    space = make_space(4)
    slot = Lattice(space).cell_slot(Edge(Node(1, 8), down=True))
    teacher, student = Options.of(space, make_teacher()), Options.of(space, make_student())
    size = Size(64, 64)
    assert list(teacher.specs(slot, "skip", size)) == []
    assert len(list(student.specs(slot, "skip", size))) == 4
    widths = {(s.in_channels, s.out_channels) for s in teacher.specs(slot, "conv", size)}
    assert widths == {((4 * 8,), 4 * 16)}
    entering = Lattice(space).cell_slot(Edge(Node(0, 8), down=False))
    found = {s.in_channels for s in student.specs(entering, "conv", size)}
    assert found == {(2 * 8,)}


def test_an_outer_width_not_fixed_is_open_to_a_student_and_the_largest_for_a_teacher() -> None:
    space = make_space(4, **UNTIED)
    outer = ("stem", "fusion", "head")
    free = Options.of(space, open_student())
    assert [free.widths[name] for name in outer] == [(1, 2, 3), (2, 5), (1, 3, 4, 6)]
    fixed = Options.of(space, open_student(stem_expansion=2, fusion_expansion=5, head_expansion=3))
    assert [fixed.widths[name] for name in outer] == [(2,), (5,), (3,)]
    assert not set(outer) & set(fixed.searched_widths)
    largest = Options.of(space, make_teacher(stem_expansion=None, head_expansion=3))
    assert [largest.widths[name] for name in outer] == [(3,), (5,), (3,)]
    assert largest.searched_widths == ()


def test_sizes_in_a_wiring_are_rounded_up_at_every_stride() -> None:
    space = make_space(3)
    architecture = random_architectures(Options.of_space(space), 1)[0]
    wiring = wire(architecture, Geometry(Size(31, 33), 3))
    sizes = {step.spec.out_size for step in wiring.steps}
    assert sizes == {Size(16, 17), Size(8, 9), Size(4, 5), Size(2, 3), Size(1, 2)}
    assert wiring.border[1].spec.out_size == Size(31, 33)
