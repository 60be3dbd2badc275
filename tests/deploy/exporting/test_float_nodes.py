"""Which nodes stay in floating point where a network is in int8."""

from __future__ import annotations

from fasterseg.deploy.exporting.float_nodes import Ends, Link, float_nodes

CHAIN = (
    Link("normalise", False, ("image",), ("a",)),
    Link("first", True, ("a", "w"), ("b",)),
    Link("relu", False, ("b",), ("c",)),
    Link("middle", True, ("c", "w"), ("d",)),
    Link("last", True, ("d", "w"), ("e",)),
    Link("resize", False, ("e",), ("labels",)),
)


def stays(ends: Ends) -> set[str]:
    return set(float_nodes(CHAIN, ["image"], ["labels"], ends))


def test_what_stands_outside_of_all_convolutions_stays_in_float() -> None:
    assert stays(Ends()) == {"normalise", "resize"}


def test_so_do_the_first_and_the_last_convolutions_that_were_asked_for() -> None:
    assert stays(Ends(first=1, last=1)) == {"normalise", "first", "last", "resize"}
    assert stays(Ends(last=2)) == {"normalise", "middle", "last", "resize"}


def test_every_convolution_that_reads_the_image_is_a_first_one() -> None:
    links = (
        Link("one", True, ("image",), ("a",)),
        Link("other", True, ("image",), ("b",)),
        Link("behind", True, ("a",), ("c",)),
        Link("add", False, ("b", "c"), ("d",)),
        Link("last", True, ("d",), ("out",)),
    )
    assert float_nodes(links, ["image"], ["out"], Ends(first=1)) == {"one", "other"}
