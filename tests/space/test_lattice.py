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
from fasterseg.space.choices import FUSION, HEAD, OUTER, STEM, section
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
    assert (lattice.choices[STEM], lattice.choices[HEAD]) == ((3, 5), (7,))
    assert lattice.width_of(Node(0, 8)) == STEM
    assert lattice.width_of(Node(4, 16)) == HEAD
    assert lattice.width_of(Node(2, 16)) == "widths.cells.2.16"


def test_the_fusion_is_a_choice_of_its_own_only_where_the_space_offers_widths_for_it() -> None:
    tied, untied = Lattice(make_space(4)), Lattice(make_space(4, fusion_expansions=(3, 5)))
    assert tied.fusion_choice == HEAD
    assert FUSION not in tied.choices
    assert untied.choices[FUSION] == (3, 5)
    assert untied.width_of(Node(4, 16)) == FUSION
    for lattice, fuse_reads in ((tied, {HEAD}), (untied, {FUSION, HEAD})):
        widths = {one.name: one.slot.width_choices for one in lattice.placements(3)}
        assert set(widths["fusion.fuse"]) == fuse_reads
        assert widths["head"] == (HEAD,)
        assert widths["fusion.32.arm.16"] == (lattice.fusion_choice,)
        first = next(one for one in lattice.placements(3) if one.name == "fusion.32.join.8")
        assert first.slot.width_choices == (lattice.fusion_choice, STEM)


def test_ends_of_branches_have_widths_of_their_own_where_the_space_says_so() -> None:
    lattice = Lattice(make_space(4, branches=(32, 16, 8), ends_at_fusion_width=False, **UNTIED))
    own = {name: options for name, options in lattice.choices.items() if ".ends." in name}
    assert own == {"widths.ends.32": (2, 4), "widths.ends.16": (2, 4)}
    widths = {one.name: one.slot.width_choices for one in lattice.placements(3)}
    assert widths["fusion.32.arm.16"] == ("widths.ends.32", FUSION)
    assert widths["fusion.32.arm.8"] == (FUSION,)
    assert widths["fusion.16.arm.8"] == ("widths.ends.16", FUSION)
    assert widths["fusion.fuse"] == (FUSION, HEAD)
    options = Options.of_space(lattice.space)
    ends = {
        branch.cells[-1].expansion
        for found in random_architectures(options, 30)
        for branch in found.branches[:2]
    }
    assert ends == {2, 4}


def test_plain_counts_are_offered_beside_expansions_one_form_at_a_place() -> None:
    space = make_space(4, fusion_expansions=("16 channels", "40 channels"))
    options = Options.of_space(space)
    assert options.choices[FUSION] == ("16 channels", "40 channels")
    assert Options.of(space, make_teacher()).choices[FUSION] == ("40 channels",)
    fixed = Options.of(space, open_student(fusion_expansion="16 channels"))
    assert fixed.choices[FUSION] == ("16 channels",)
    for found in random_architectures(options, 5):
        arms = {s.spec.out_channels for s in wire(found, GEOMETRY).steps if s.spec.kind == "arm"}
        assert arms in ({16}, {40})


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
        (4, {"fusion_expansions": (2, "64 channels")}),
        (4, {"fusion_expansions": ("64",)}),
        (4, {"fusion_expansions": ("64 channels", "8 channels")}),
        (4, {"expansions": (2, "64 channels")}),
        (4, {"operators": ("conv", "skip")}),
        (4, {"operators": ()}),
        (4, {"stem_kinds": ("conv_x2", "conv")}),
        (4, {"stem_kinds": ("head",)}),
        (4, {"stem_kinds": ()}),
    ],
)
def test_a_space_without_sense_is_refused(layers: int, changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make_space(layers, **changes)


@pytest.mark.parametrize("branches", SUBSETS)
def test_placements_of_the_lattice_describe_the_blocks_of_every_network(
    branches: tuple[int, ...],
) -> None:
    options = Options.of_space(make_space(4, branches=branches))
    known: dict[str, set[BlockSpec]] = {}
    for one in options.lattice.placements(GEOMETRY.classes):
        known.setdefault(one.name, set()).update(options.blocks(one, GEOMETRY.size))
    for architecture in random_architectures(options, 20):
        wiring = wire(architecture, GEOMETRY)
        for step in (*wiring.border, *wiring.steps, *wiring.auxiliary):
            assert step.spec.is_identity or step.spec in known[step.name]


def test_a_contender_may_take_its_own_operators_and_widths_only() -> None:
    space = make_space(4)
    lattice, size = Lattice(space), Size(64, 64)
    place = lattice.cell(Edge(Node(1, 8), down=True))
    teacher, student = Options.of(space, make_teacher()), Options.of(space, make_student())
    assert not [spec for spec in teacher.blocks(place, size) if spec.kind == "skip"]
    assert sum(spec.kind == "skip" for spec in student.blocks(place, size)) == 4
    widths = {(s.in_channels, s.out_channels) for s in teacher.blocks(place, size)}
    assert widths == {((4 * 8,), 4 * 16)}
    entering = lattice.cell(Edge(Node(0, 8), down=False))
    assert {s.in_channels for s in student.blocks(entering, size)} == {(2 * 8,)}


def test_an_outer_width_not_fixed_is_open_to_a_student_and_the_largest_for_a_teacher() -> None:
    space = make_space(4, **UNTIED)
    free = Options.of(space, open_student())
    assert [free.choices[name] for name in OUTER] == [(1, 2, 3), (2, 5), (1, 3, 4, 6)]
    fixed = Options.of(space, open_student(stem_expansion=2, fusion_expansion=5, head_expansion=3))
    assert [fixed.choices[name] for name in OUTER] == [(2,), (5,), (3,)]
    assert not set(OUTER) & set(fixed.searched)
    largest = Options.of(space, make_teacher(stem_expansion=None, head_expansion=3))
    assert [largest.choices[name] for name in OUTER] == [(3,), (5,), (3,)]
    assert not [name for name in largest.searched if section(name) == "widths"]


def test_options_are_one_value_however_they_were_made() -> None:
    space = make_space(4)
    one, two = (Options.of(space, make_student(name=name)) for name in ("a", "b"))
    assert (one, hash(one)) == (two, hash(two))
    assert one != Options.of(space, make_student(stem_expansion=4))
    kept = Options.of_space(space).keeping("conv")
    assert {kept.choices[node.kind_choice] for node in kept.lattice.nodes} == {("conv",)}
    assert kept.choices["kinds.head"] == ("head",)
    assert Options.of_space(space).kinds == space.operators


def test_sizes_in_a_wiring_are_rounded_up_at_every_stride() -> None:
    space = make_space(3)
    architecture = random_architectures(Options.of_space(space), 1)[0]
    wiring = wire(architecture, Geometry(Size(31, 33), 3))
    sizes = {step.spec.out_size for step in wiring.steps}
    assert sizes == {Size(16, 17), Size(8, 9), Size(4, 5), Size(2, 3), Size(1, 2)}
    assert wiring.border[1].spec.out_size == Size(31, 33)
