"""The places behind the cells: context, arms, joins, refines, fusion, head and auxiliary heads.

A branch is brought from its own stride to the next finer one by an *arm*, meets its own earlier
feature there in a *join*, and may be *refined*, until it is at output stride 8, where all branches
are fused.  Up to there it has the fusion's width.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from fasterseg.space.choices import HEAD, choice
from fasterseg.space.placements import Channels, Feature, Offer, Placement, Slot, offered
from fasterseg.space.places import FUSE, NONE, STRIDES, is_sum

FINEST = STRIDES[0]
Last = Mapping[tuple[int, int], Sequence[Feature]]
"""By branch and stride, from coarse branches to fine ones: what its last feature there may be."""


def laterals(branch: int) -> tuple[int, ...]:
    """The strides at which a branch joins its own earlier features, coarse to fine."""
    return tuple(stride for stride in reversed(STRIDES) if stride < branch)


@dataclass(frozen=True, slots=True)
class Decoder:
    """What the places behind the cells depend on.

    `fusion` is the choice of the fusion's width.  `are_equal` says whether two widths are the same
    in every network.
    """

    fusion: str
    offer: Offer
    are_equal: Callable[[Channels, Channels], bool]

    def placements(self, last: Last, classes: int) -> Iterator[Placement]:
        """All of them, on the features that cells end with, auxiliary heads last."""
        branches = tuple(branch for branch, stride in last if branch == stride)
        ends = {branch: last[branch, branch][0] for branch in branches}
        context = self._context(branches[0], ends[branches[0]])
        if _stands(context):
            yield context
            ends[branches[0]] = _written(context)
        joined = []
        for branch, end in ends.items():
            joined.append((yield from self._brought_up(branch, end, last)))
        yield from self._fused(joined, classes)
        for stride in reversed(STRIDES[1:]):
            read = [(ends[b],) if b == stride else last[b, stride] for b in branches if b >= stride]
            for features in product(*read):
                if features:
                    yield self._auxiliary(stride, features, classes)

    def _context(self, branch: int, read: Feature) -> Placement:
        """What sees the whole map, at the end of the coarsest branch."""
        slot = Slot(f"context.{branch}", (read.channels,), read.channels, branch, branch)
        return self._place(slot, (read,), at="context")

    def _brought_up(
        self, branch: int, feature: Feature, last: Last
    ) -> Generator[Placement, None, Feature]:
        """The places between a branch's end and the fusion; returns what is fused."""
        for stride in laterals(branch):
            arm = self._arm(branch, 2 * stride, stride, feature, at="fusion.arm")
            yield arm
            for lateral in last[branch, stride]:
                join = self._join(arm, f"fusion.{branch}.join.{stride}", lateral)
                yield join
            feature = _written(join)
            refine = self._refine(f"fusion.{branch}.refine.{stride}", feature, stride)
            if _stands(refine):
                yield refine
                feature = _written(refine)
        if branch == FINEST and not self.are_equal(feature.channels, self._width(FINEST)):
            arm = self._arm(branch, FINEST, FINEST, feature, at="fusion.8.arm")
            yield arm
            feature = _written(arm)
        return feature

    def _width(self, stride: int) -> Channels:
        return Channels(self.fusion, stride)

    def _arm(self, branch: int, own: int, stride: int, read: Feature, *, at: str) -> Placement:
        """What brings a branch from its own stride and width to that stride and the fusion's."""
        name = f"fusion.{branch}.arm.{stride}"
        slot = Slot(name, (read.channels,), self._width(stride), own, stride)
        return self._place(slot, (read,), at=at)

    def _join(self, arm: Placement, name: str, lateral: Feature) -> Placement:
        """What joins an arm's output and the branch's lateral at a stride."""
        own, stride = arm.slot.output, arm.slot.out_stride
        slot = Slot(name, (own, lateral.channels), own, stride, stride)
        return self._place(slot, (_written(arm), lateral), at="fusion.join")

    def _refine(self, name: str, read: Feature, stride: int) -> Placement:
        """The convolution behind a join."""
        slot = Slot(name, (read.channels,), read.channels, stride, stride)
        return self._place(slot, (read,), at="fusion.refine")

    def _fused(self, joined: Sequence[Feature], classes: int) -> Iterator[Placement]:
        """What fuses all branches at output stride 8, and turns them into class logits."""
        logits, own = Channels(None, classes), Channels(HEAD, FINEST * len(joined))
        width = self._width(FINEST) if is_sum(self.offer(choice("kinds", FUSE), FUSE)) else own
        channels = tuple(part.channels for part in joined)
        fuse = self._place(Slot(FUSE, channels, width, FINEST, FINEST), joined, at=FUSE)
        yield fuse
        head = Slot("head", (width,), logits, FINEST, FINEST)
        yield offered("head", head, "head", (_written(fuse),), self.offer)

    def _auxiliary(self, stride: int, features: Sequence[Feature], classes: int) -> Placement:
        """A head on the branches' last features at a stride."""
        channels = tuple(feature.channels for feature in features)
        slot = Slot(f"auxiliary.{stride}", channels, Channels(None, classes), stride, stride)
        return offered("auxiliary", slot, slot.name, features, self.offer, at="auxiliary")

    def _place(self, slot: Slot, inputs: Sequence[Feature], *, at: str) -> Placement:
        return offered("fusion", slot, slot.name, inputs, self.offer, at=at)


def _written(placement: Placement) -> Feature:
    return Feature((placement.name,), placement.slot.output)


def _stands(placement: Placement) -> bool:
    return placement.kinds != (NONE,)
