"""Input scales: exact fractions, lengths rounded up, and the walk at them."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from small_spaces import GEOMETRY, make_space, random_architectures

from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.input_scale import RESCALE, WHOLE, Scale
from fasterseg.space.options import Options

SCALES = ("7/8", "3/4", "2/3", "1/2", "1/3")
(MEMBER,) = random_architectures(Options.of_space(make_space(4)), 1)


def at(scale: str, member: Architecture = MEMBER) -> Architecture:
    """The same network at another input scale."""
    return Architecture.model_validate({**member.content(), "input_scale": scale})


@pytest.mark.parametrize("text", SCALES)
def test_a_length_at_a_scale_is_the_exact_product_rounded_up(text: str) -> None:
    scale = Scale.parse(text)
    assert str(scale) == text
    for length in range(1, 300):
        assert scale.of(length) == ceil(length * Fraction(text))
        assert 1 <= scale.of(length) < length or length < 8
    assert Size(360, 480).scaled(Scale.parse("3/4")) == Size(270, 360)
    assert Size(1, 1).scaled(scale) == Size(1, 1)


@pytest.mark.parametrize("text", ["0", "2", "3/2", "2/4", "4/4", "0.5", "1/10", "3/ 4", "", "6/8"])
def test_what_is_no_reduced_fraction_of_one_digit_is_no_scale(text: str) -> None:
    with pytest.raises(ValueError, match="no input scale"):
        Scale.parse(text)


def test_at_full_scale_nothing_is_resized_and_the_file_and_digest_are_as_before() -> None:
    assert MEMBER.scale == WHOLE
    assert RESCALE not in [step.name for step in wire(MEMBER, GEOMETRY).steps]
    assert MEMBER.oldest_form().keys() == {"stem_expansion", "head_expansion", "branches"}
    assert at("1/2").digest() != MEMBER.digest()
    assert hash(at("1/2")) != hash(MEMBER)
    assert Architecture.model_validate(at("3/4").content()) == at("3/4")


@pytest.mark.parametrize("scale", ["3/4", "1/2"])
def test_all_between_rescale_and_tail_is_the_network_of_a_smaller_image(scale: str) -> None:
    full, smaller = Size(45, 77), Size(45, 77).scaled(Scale.parse(scale))
    found = wire(at(scale), Geometry(full, 3))
    expected = wire(MEMBER, Geometry(smaller, 3))
    rescale, *others = found.steps
    assert rescale.spec.key == f"rescale 3->3 s1 {full}->{smaller}"
    assert [step.spec for step in others] == [step.spec for step in expected.steps]
    assert [step.spec for step in found.auxiliary] == [step.spec for step in expected.auxiliary]
    assert [step.inputs for step in others[1:]] == [step.inputs for step in expected.steps[1:]]
    assert others[0].inputs == (RESCALE,)
    assert found.border[0].spec.in_size == full
    assert found.border[1].spec.in_size == smaller.strided(8)
    assert found.border[1].spec.out_size == full
    assert found.macs == expected.macs
    assert rescale.spec in found.timed_specs()
