from __future__ import annotations

import gc
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from types import ModuleType
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fasterseg.deploy.tail import arrays as tail_numpy
from fasterseg.deploy.tail import label_maps as tail_module
from fasterseg.deploy.tail.arrays import Axis, axis_of
from fasterseg.deploy.tail.label_maps import Tail, TailKind, best_tail, open_tail
from fasterseg.errors import EnvironmentFault, FileError, UsageError
from fasterseg.layers.building import TailBlock
from fasterseg.space.blocks import Size

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[Any]

ROUNDING = 2.0**-24  # of one float32 operation, relative to its result
OPERATIONS = 6  # on the way from a corner to a pixel: two weights, two products, two sums

needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="Numba is not installed")
KINDS = [pytest.param("fast", marks=needs_numba), "numpy"]


@pytest.fixture(autouse=True)
def every_map_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small maps are enough to test threads with."""
    monkeypatch.setattr(tail_module, "SHARED_FROM", 0)


@pytest.fixture(params=KINDS)
def tail(request: pytest.FixtureRequest) -> Iterator[Tail]:
    opened = open_tail(request.param, threads=1)
    yield opened
    opened.close()


def noise(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def smooth(classes: int, height: int, width: int, *, seed: int = 0) -> Floats:
    """Logits with large areas of one class, as a network makes them."""
    coarse = torch.from_numpy(noise(1, classes, height // 6 + 2, width // 6 + 2, seed=seed))
    fine = F.interpolate(coarse, size=(height, width), mode="bicubic")
    return (6 * fine[0].numpy() + noise(classes, height, width, seed=seed + 1) / 4).astype(
        "float32"
    )


def upsampled(values: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[np.float64]:
    wide = torch.from_numpy(values.astype(np.float64))[None]
    found: npt.NDArray[np.float64] = F.interpolate(
        wide, size=size, mode="bilinear", align_corners=True
    )[0].numpy()
    return found


def at_labels(values: npt.NDArray[np.float64], labels: Labels) -> npt.NDArray[np.float64]:
    return np.take_along_axis(values, labels[None].astype(np.int64), axis=0)[0]


def assert_ties_only(labels: Labels, logits: Floats, *, few: bool = True) -> None:
    """Labels are those of exact upsampling, but where two classes lie within float32 rounding.

    That is: a class was chosen whose exact value is below the largest by less than what rounding
    can make of both.
    """
    exact = upsampled(logits, labels.shape)
    size = upsampled(np.abs(logits), labels.shape)
    best = exact.argmax(axis=0)
    gap = at_labels(exact, best) - at_labels(exact, labels)
    assert gap.shape == labels.shape
    allowed = OPERATIONS * ROUNDING * (at_labels(size, best) + at_labels(size, labels))
    assert (gap <= allowed + 1e-12 * np.abs(logits).max()).all()
    if few:
        assert (labels != best).mean() <= 1e-4


SIZES = [
    (19, Size(16, 32), Size(128, 256)),
    (19, Size(45, 60), Size(360, 480)),
    (7, Size(13, 9), Size(101, 75)),
    (5, Size(9, 11), Size(300, 41)),
    (3, Size(20, 30), Size(7, 11)),
    (4, Size(12, 17), Size(12, 17)),
    (2, Size(1, 9), Size(5, 70)),
    (6, Size(8, 1), Size(61, 3)),
    (3, Size(1, 1), Size(4, 5)),
    (4, Size(6, 7), Size(1, 1)),
    (300, Size(5, 6), Size(33, 41)),
    (1, Size(5, 6), Size(33, 41)),
]


@pytest.mark.parametrize(("classes", "low", "size"), SIZES)
@pytest.mark.parametrize("make", [smooth, noise])
def test_labels_equal_upsampling_and_arg_max(
    tail: Tail, make: Callable[..., Floats], classes: int, low: Size, size: Size
) -> None:
    logits = make(classes, *low)
    labels = tail(logits, size)
    assert labels.shape == size
    assert_ties_only(labels, logits)


@pytest.mark.parametrize(("classes", "low", "size"), SIZES)
def test_labels_equal_the_tail_block_but_where_its_coordinates_are_rounded(
    tail: Tail, classes: int, low: Size, size: Size
) -> None:
    logits = noise(classes, *low)
    labels = tail(logits, size)
    block: Labels = TailBlock()(torch.from_numpy(logits)[None], size=tuple(size))[0].numpy()
    assert labels.dtype == block.dtype
    exact = upsampled(logits, size)
    gap = np.abs(at_labels(exact, labels) - at_labels(exact, block))
    # PyTorch rounds a coordinate, up to the logits' size, and its step before that.
    rounded = ROUNDING * (4 * (low.height + low.width) + 2 * OPERATIONS)
    assert (gap <= rounded * np.abs(logits).max()).all()
    assert (labels != block).mean() <= 1e-4


kinds_of_logits = st.sampled_from(["noise", "whole numbers", "two values", "large", "tiny"])


def drawn_logits(kind: str, shape: tuple[int, int, int], seed: int) -> Floats:
    values = noise(*shape, seed=seed)
    if kind == "whole numbers":  # many exact ties
        return np.round(2 * values)
    if kind == "two values":
        return (values > 0).astype(np.float32)
    scale = {"noise": 1.0, "large": 1e30, "tiny": 1e-30}[kind]
    return (scale * values).astype(np.float32)


@needs_numba
@settings(max_examples=150, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 8), st.integers(1, 10), st.integers(1, 12)),
    size=st.tuples(st.integers(1, 50), st.integers(1, 60)),
    kind=kinds_of_logits,
    seed=st.integers(0, 1 << 16),
    threads=st.sampled_from([1, 2]),
)
def test_both_forms_give_the_same_labels_of_any_size(
    shape: tuple[int, int, int], size: tuple[int, int], kind: str, seed: int, threads: int
) -> None:
    logits = drawn_logits(kind, shape, seed)
    plain = open_tail("numpy", threads=1)(logits, size)
    fast = open_tail("fast", threads=threads)
    np.testing.assert_array_equal(fast(logits, size), plain)
    fast.close()
    assert_ties_only(plain, logits, few=False)


@needs_numba
@pytest.mark.parametrize("make", [smooth, noise])
@pytest.mark.parametrize("low", [Size(32, 48), Size(37, 53)])
def test_both_forms_and_any_number_of_threads_give_the_same_labels(
    make: Callable[..., Floats], low: Size
) -> None:
    logits, size = make(19, *low), (8 * low.height, 8 * low.width)
    plain = open_tail("numpy", threads=1)(logits, size)
    for threads in (1, 2, 3, 40):
        fast = open_tail("fast", threads=threads)
        np.testing.assert_array_equal(fast(logits, size), plain)
        fast.close()


def test_a_class_that_wins_between_the_corners_only_is_found(tail: Tail) -> None:
    logits = np.zeros((3, 2, 2), dtype=np.float32)
    logits[0, :, 0], logits[2, :, 1], logits[1] = 10, 10, 6.1
    row = tail(logits, (9, 21))[4]
    np.testing.assert_array_equal(row, [0] * 8 + [1] * 5 + [2] * 8)


def test_corners_lie_on_corners_and_equal_sizes_are_arg_max_alone(tail: Tail) -> None:
    logits = noise(6, 5, 7)
    labels = logits.argmax(axis=0)
    np.testing.assert_array_equal(tail(logits, (5, 7)), labels)
    np.testing.assert_array_equal(tail(logits, (4 * 11 + 1, 6 * 13 + 1))[::11, ::13], labels)


def test_the_first_of_equal_classes_wins(tail: Tail) -> None:
    logits = noise(4, 9, 9)
    twice = np.concatenate([logits, logits, logits[:1]])
    np.testing.assert_array_equal(tail(twice, (70, 70)), tail(logits, (70, 70)))
    np.testing.assert_array_equal(tail(np.zeros_like(logits), (70, 70)), 0)


def half_pixel_axis(logits: int, pixels: int) -> Axis:
    """The other common grid: centres on centres."""
    place = np.clip((np.arange(pixels) + 0.5) * logits / pixels - 0.5, 0, logits - 1)
    cell = np.minimum(place.astype(np.int64), max(logits - 2, 0))
    far = (place - cell).astype(np.float32)
    start = np.searchsorted(cell, np.arange(max(logits - 1, 1) + 1)).astype(np.int32)
    return Axis(start, 1 - far, far)


def test_labels_on_another_grid_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "axis_of", half_pixel_axis)
    for logits in (smooth(19, 16, 32), noise(19, 16, 32)):
        labels = open_tail("numpy", threads=1)(logits, (128, 256))
        with pytest.raises(AssertionError):
            assert_ties_only(labels, logits)


def winners_of_corners(cells: tail_numpy.Cells) -> Iterator[tuple[tail_numpy.Cells, Labels]]:
    """A rule that is too eager: only what wins at a corner may win in the cell."""
    winners = np.sort(cells.corners.argmax(axis=0), axis=0)
    corners = cells.corners[winners[:, None], np.arange(4)[:, None], np.arange(len(cells.rows))]
    yield cells._replace(corners=corners), winners


def test_a_rule_that_leaves_out_too_much_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_numpy, "_alike", winners_of_corners)
    logits = noise(19, 16, 32)
    labels = open_tail("numpy", threads=1)(logits, (128, 256))
    with pytest.raises(AssertionError):
        assert_ties_only(labels, logits)


@pytest.mark.parametrize(("logits", "pixels"), [(2, 9), (64, 512), (128, 1024), (9, 4), (1, 6)])
def test_the_weights_of_an_axis_are_the_nearest_to_the_true_ones(logits: int, pixels: int) -> None:
    axis = axis_of(logits, pixels)
    place = np.arange(pixels) * (logits - 1) / max(pixels - 1, 1)
    np.testing.assert_allclose(axis.cell_of_pixel + axis.far.astype(np.float64), place, atol=6e-8)
    np.testing.assert_allclose(axis.near.astype(np.float64), 1.0 - axis.far, atol=6e-8)
    assert axis.start[0] == 0 and axis.start[-1] == pixels
    assert not axis.far.flags.writeable


def test_ids_are_bytes_up_to_256_classes_and_int32_above(tail: Tail) -> None:
    for classes, dtype in ((256, np.uint8), (257, np.int32)):
        logits = noise(classes, 3, 3)
        logits[-1, 2] = 10
        labels = tail(logits, (9, 9))
        assert labels.dtype == dtype
        assert labels[8, 8] == classes - 1


def test_labels_are_written_where_the_caller_wants_them(tail: Tail) -> None:
    logits = noise(5, 6, 8)
    out = np.full((40, 60), 99, dtype=np.uint8)
    assert tail(logits, Size(40, 60), out=out) is out
    np.testing.assert_array_equal(out, tail(logits, (40, 60)))
    other = smooth(5, 6, 8)
    np.testing.assert_array_equal(tail(other, (40, 60), out=out), tail(other, (40, 60)))


def test_logits_may_lie_anyhow_and_be_half_precision(tail: Tail) -> None:
    logits = noise(5, 6, 8).astype(np.float16)
    expected = tail(logits.astype(np.float32), (40, 60))
    np.testing.assert_array_equal(tail(logits, (40, 60)), expected)
    last = np.ascontiguousarray(logits.astype(np.float32).transpose(1, 2, 0))
    np.testing.assert_array_equal(tail(last.transpose(2, 0, 1), (40, 60)), expected)
    fixed = logits.astype(np.float32)
    fixed.flags.writeable = False
    np.testing.assert_array_equal(tail(fixed, (40, 60)), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused(tail: Tail, value: float) -> None:
    logits = noise(5, 6, 8)
    logits[3, 2, 1] = value
    with pytest.raises(FileError, match="NaN or infinite") as caught:
        tail(logits, (12, 16))
    assert caught.value.where and caught.value.why and caught.value.next_step


def test_arrays_of_another_form_are_refused(tail: Tail) -> None:
    logits = noise(5, 6, 8)
    with pytest.raises(ValueError, match="classes, height, width"):
        tail(logits[None], (12, 16))
    with pytest.raises(ValueError, match="none of them 0"):
        tail(logits[:0], (12, 16))
    with pytest.raises(TypeError, match="float64"):
        tail(logits.astype(np.float64), (12, 16))
    with pytest.raises(ValueError, match="0x16"):
        tail(logits, (0, 16))
    for out in (np.empty((12, 15), np.uint8), np.empty((12, 16), np.int32)):
        with pytest.raises(ValueError, match="the labels are uint8"):
            tail(logits, (12, 16), out=out)
    with pytest.raises(ValueError, match="rows"):
        tail(logits, (12, 16), out=np.empty((12, 32), np.uint8)[:, ::2])


def test_tails_say_what_they_are() -> None:
    assert open_tail("numpy", threads=4).name == "numpy (1 thread)"
    with pytest.raises(UsageError, match="slow"):
        open_tail("slow", threads=1)  # type: ignore[arg-type]
    for kind in get_args(TailKind):
        with pytest.raises(UsageError, match="0 threads"):
            open_tail(kind, threads=0)


@needs_numba
def test_the_best_tail_is_the_fast_one() -> None:
    assert best_tail(threads=1).name == "fast (Numba, 1 thread)"
    assert best_tail(threads=2).name == "fast (Numba, 2 threads)"


def test_without_numba_the_extra_is_named_and_the_best_tail_is_numpy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("kernels", "compiling"):
        monkeypatch.delitem(sys.modules, f"fasterseg.deploy.tail.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(EnvironmentFault, match="numba is not installed") as caught:
        open_tail("fast", threads=1)
    assert "fasterseg[fast]" in caught.value.next_step
    assert caught.value.where and caught.value.why
    assert best_tail(threads=2).name == "numpy (1 thread)"


@needs_numba
def test_several_threads_may_use_one_tail() -> None:
    maps = [noise(9, 20, 24, seed=seed) for seed in range(8)]
    plain, fast = open_tail("numpy", threads=1), open_tail("fast", threads=2)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda logits: fast(logits, (160, 190)), maps))
    for labels, logits in zip(found, maps, strict=True):
        np.testing.assert_array_equal(labels, plain(logits, (160, 190)))


def tail_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("tail")]


@needs_numba
def test_the_threads_of_a_tail_end_with_it() -> None:
    gc.collect()
    before = set(tail_threads())
    for end in (lambda tail: tail.close(), lambda tail: None):
        opened = open_tail("fast", threads=3)
        opened(noise(5, 20, 20), (100, 100))
        mine = set(tail_threads()) - before
        assert mine
        end(opened)
        del opened
        gc.collect()
        for thread in mine:
            thread.join(10)
            assert not thread.is_alive()
    assert not {thread.name for thread in tail_threads()} - {thread.name for thread in before}


def test_parts_run_at_once_and_each_of_them_once() -> None:
    both, done = threading.Barrier(2, timeout=30), deque[int]()

    def kernel(*arguments: Any) -> None:
        part, parts = arguments[-2:]
        assert parts == 2 * tail_module.PARTS_PER_THREAD
        if part < 2:  # neither of the first two ends before the other has begun
            both.wait()
        done.append(part)

    shared = tail_module.FastTail(kernel, threads=2)
    shared(noise(5, 20, 20), (100, 100))
    assert sorted(done) == list(range(2 * tail_module.PARTS_PER_THREAD))
    shared.close()


@pytest.mark.parametrize("failing", [threading.main_thread, lambda: None])
def test_an_error_on_any_thread_is_raised_and_nothing_goes_on_behind_it(
    failing: Callable[[], threading.Thread | None],
) -> None:
    both, running, caller = threading.Barrier(2, timeout=30), deque[int](), failing()

    def kernel(*arguments: Any) -> None:
        running.append(1)
        if arguments[-2] < 2:
            both.wait()
        running.pop()
        if (threading.current_thread() is threading.main_thread()) == (caller is not None):
            raise ArithmeticError("one thread")

    broken = tail_module.FastTail(kernel, threads=2)
    with pytest.raises(ArithmeticError, match="one thread"):
        broken(noise(5, 20, 20), (100, 100))
    assert not running
    broken.close()


@needs_numba
def test_kernels_compile_where_nothing_can_be_kept_on_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fasterseg.deploy.tail import compiling

    asked: list[bool] = []

    def njit(*, cache: bool = False, **options: object) -> Callable[..., Any]:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(compiling, "njit", njit)
    assert compiling.compiled(half_pixel_axis) is half_pixel_axis
    assert asked == [True, False]


@needs_numba
def test_opening_the_fast_tail_leaves_nothing_to_compile() -> None:
    from fasterseg.deploy.tail import kernels as tail_kernels

    fast = open_tail("fast", threads=1)
    known = compiled_forms(tail_kernels)
    logits = noise(19, 9, 9)
    logits.flags.writeable = False
    fast(logits, (60, 60))
    fast(logits.transpose(0, 2, 1), (60, 60))
    assert compiled_forms(tail_kernels) == known


def compiled_forms(module: ModuleType) -> dict[str, int]:
    return {
        name: len(value.signatures)
        for name, value in vars(module).items()
        if hasattr(value, "signatures")
    }


def test_a_small_map_is_left_to_the_calling_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, str]] = []

    def kernel(*arguments: Any) -> None:
        seen.append((*arguments[-2:], threading.current_thread().name))

    opened = tail_module.FastTail(kernel, threads=2)
    monkeypatch.setattr(tail_module, "SHARED_FROM", 64)
    opened(np.zeros((2, 2, 2), dtype=np.float32), (7, 9))
    assert seen == [(0, 1, threading.current_thread().name)]
    opened(np.zeros((2, 2, 2), dtype=np.float32), (8, 8))
    assert len(seen) > 2
