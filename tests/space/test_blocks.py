"""A block's key says everything about it, and two blocks never share one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fasterseg.space.blocks import BlockSpec, Size
from fasterseg.space.kinds import KINDS

# Few values each, digits that run into each other: collisions would show.
counts = st.sampled_from([1, 2, 11, 12, 21, 112])
sizes = st.builds(Size, counts, counts)
specs = st.builds(
    BlockSpec,
    kind=st.sampled_from(list(KINDS)),
    in_channels=st.lists(counts, min_size=1, max_size=3).map(tuple),
    out_channels=counts,
    stride=st.sampled_from([1, 2]),
    in_size=sizes,
    out_size=sizes,
)


@given(specs, specs)
def test_two_specs_have_one_key_exactly_when_they_are_equal(one: BlockSpec, two: BlockSpec) -> None:
    assert (one.key == two.key) == (one == two)


@given(specs, st.data())
def test_a_change_of_any_field_changes_the_key(spec: BlockSpec, data: st.DataObject) -> None:
    other = data.draw(specs)
    for name in ("kind", "in_channels", "out_channels", "stride", "in_size", "out_size"):
        fields = {key: getattr(spec, key) for key in BlockSpec.__slots__}
        changed = BlockSpec(**{**fields, name: getattr(other, name)})
        assert (changed.key == spec.key) == (changed == spec)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_strided_sizes_compose(height: int, width: int) -> None:
    size = Size(height, width)
    assert size.strided(2).strided(2).strided(2) == size.strided(8)
    assert size.strided(8) == Size(-(-height // 8), -(-width // 8))


def test_zoomed_and_plain_convolutions_have_different_keys() -> None:
    spec = {
        "in_channels": (96,),
        "out_channels": 96,
        "stride": 1,
        "in_size": Size(128, 256),
        "out_size": Size(128, 256),
    }
    keys = {BlockSpec(kind=kind, **spec).key for kind in KINDS}  # type: ignore[arg-type]
    assert len(keys) == len(KINDS)


def test_only_a_skip_that_keeps_stride_and_channels_is_an_identity() -> None:
    size = Size(8, 8)
    assert BlockSpec("skip", (16,), 16, 1, size, size).is_identity
    assert not BlockSpec("skip", (16,), 32, 1, size, size).is_identity
    assert not BlockSpec("skip", (16,), 16, 2, size, Size(4, 4)).is_identity
    assert not BlockSpec("conv", (16,), 16, 1, size, size).is_identity


def test_an_identity_has_no_cost_of_any_kind() -> None:
    spec = BlockSpec("skip", (16,), 16, 1, Size(8, 8), Size(8, 8))
    assert (spec.macs, spec.parameters, spec.border_bytes) == (0, 0, 0)


def test_border_bytes_are_the_floats_read_and_written() -> None:
    spec = BlockSpec("concatenate", (16, 8), 32, 1, Size(3, 5), Size(3, 5))
    assert spec.border_bytes == 4 * (24 + 32) * 15
