from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from fasterseg.deploy.benchmark import measuring
from fasterseg.deploy.benchmark.measuring import Meter
from fasterseg.deploy.exporting.borders import Border, border_shares, input_borders, output_border
from fasterseg.latency.timing import Call, TimerSettings
from fasterseg.space.blocks import BlockSpec, Size

SETTINGS = TimerSettings(warmup_runs=1, runs=4, seconds=0.0, visits=2)
FINE, COARSE = Size(16, 24), Size(8, 12)
CHAIN = (
    BlockSpec("conv", (16,), 32, 1, FINE, FINE),
    BlockSpec("conv_x2", (32,), 32, 1, FINE, FINE),
    BlockSpec("zoomed_conv", (32,), 64, 2, FINE, COARSE),
    BlockSpec("conv", (64,), 16, 1, COARSE, COARSE),
)
REFINE = BlockSpec("concatenate", (16, 32), 32, 1, FINE, FINE)
ENDS = (
    BlockSpec("input", (3,), 3, 1, FINE, FINE),
    BlockSpec("conv", (3,), 16, 2, FINE, COARSE),
    BlockSpec("head", (16,), 5, 1, COARSE, COARSE),
    BlockSpec("tail", (5,), 1, 1, COARSE, FINE),
)


def block_ms(spec: BlockSpec) -> float:
    """What a block takes by itself."""
    return spec.macs / 1e6 + spec.out_size.area / 1e3


class FakeBackend:
    """Knows what everything takes; tells it at a pace that may change from call to call.

    A producer takes `lean` times as long as its consumer.
    """

    tail = None

    def __init__(self, *, lean: float = 1.0, pace: Callable[[int], float] = lambda _: 1.0) -> None:
        self.lean = lean
        self.pace = pace
        self.called: list[str] = []

    def stopwatch(self, call: Call) -> float:
        taken = call()
        assert isinstance(taken, float)
        return taken

    def block_calls(self, specs: Iterable[BlockSpec]) -> Iterator[tuple[BlockSpec, Call]]:
        for spec in specs:
            around = sum(self.producer_ms(border) for border in input_borders(spec))
            if (behind := output_border(spec)) is not None:
                around += self.consumer_ms(behind)
            yield spec, self._call(spec.key, block_ms(spec) + around)

    def border_calls(self, borders: Iterable[Border]) -> Iterator[tuple[Border, Call]]:
        for border in borders:
            bare_ms = self.producer_ms(border) + self.consumer_ms(border)
            yield border, self._call(border.key, bare_ms)

    def producer_ms(self, border: Border) -> float:
        return self.lean * self.consumer_ms(border) if border.has_producer else 0.0

    def consumer_ms(self, border: Border) -> float:
        return 1e-4 * border.channels * border.size.area

    def _call(self, key: str, steady_ms: float) -> Call:
        def call() -> float:
            if key != measuring.CANARY.key:
                self.called.append(key)
            return steady_ms * self.pace(len(self.called))

        return call


def timed(backend: Any, *specs: BlockSpec) -> dict[str, float]:
    """Each block's median."""
    found = Meter(backend).blocks(specs, settings=SETTINGS)
    return {spec.key: timing.median_ms for spec, timing in found}


def test_a_blocks_own_time_is_what_is_left_of_the_bordered_one() -> None:
    found = timed(FakeBackend(), *CHAIN, REFINE, *ENDS)
    for spec in (*CHAIN, REFINE, *ENDS):
        assert found[spec.key] == pytest.approx(block_ms(spec)), spec.key


def test_where_in_and_out_are_alike_uneven_convolutions_do_not_matter() -> None:
    spec = CHAIN[1]
    assert timed(FakeBackend(lean=3.0), spec)[spec.key] == pytest.approx(block_ms(spec))


def test_along_a_chain_what_uneven_convolutions_leave_cancels() -> None:
    found = timed(FakeBackend(lean=3.0), *CHAIN)
    assert found[CHAIN[2].key] != pytest.approx(block_ms(CHAIN[2]))
    last = output_border(CHAIN[-1])
    (first,) = input_borders(CHAIN[0])
    assert last is not None
    backend = FakeBackend(lean=3.0)
    left_ms = sum(
        sign * (backend.producer_ms(border) - backend.consumer_ms(border)) / 2
        for sign, border in ((1, first), (-1, last))
    )
    exact_ms = sum(block_ms(spec) for spec in CHAIN)
    assert sum(found.values()) == pytest.approx(exact_ms + left_ms)


def test_every_group_holds_the_borders_of_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "GROUP_BLOCKS", 2)
    backend = FakeBackend()
    specs = (*CHAIN, REFINE)
    timed(backend, *specs)
    calls_each = SETTINGS.warmup_runs + SETTINGS.visits + SETTINGS.runs
    groups = [specs[:2], specs[2:4], specs[4:]]
    rest = backend.called
    for group in groups:
        borders = {border.key for spec in group for border in border_shares(spec)}
        wanted = borders | {spec.key for spec in group}
        now, rest = rest[: calls_each * len(wanted)], rest[calls_each * len(wanted) :]
        assert set(now) == wanted
    assert rest == []


def test_a_machine_that_slows_down_between_groups_leaves_no_border_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measuring, "GROUP_BLOCKS", 1)
    calls_of_first = 2 * (SETTINGS.warmup_runs + SETTINGS.visits + SETTINGS.runs)
    slow = FakeBackend(pace=lambda calls: 1.0 if calls <= calls_of_first else 2.0)
    other = BlockSpec("zoomed_conv", (32,), 32, 1, FINE, FINE)
    found = timed(slow, CHAIN[1], other)
    assert found[CHAIN[1].key] == pytest.approx(block_ms(CHAIN[1]))
    assert found[other.key] == pytest.approx(2 * block_ms(other)), "all of it at the new pace"


def test_a_group_ends_where_the_memory_for_its_features_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert [len(group) for group in measuring.groups_of(CHAIN)] == [4]
    monkeypatch.setattr(measuring, "GROUP_BYTES", CHAIN[0].border_bytes + 1)
    groups = list(measuring.groups_of(CHAIN))
    assert [spec for group in groups for spec in group] == list(CHAIN)
    assert [len(group) for group in groups] == [1, 1, 1, 1], "the borders' own features count"
