from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fasterseg.config import TargetSettings
from fasterseg.errors import FileError, UsageError
from fasterseg.latency.table import Calibration, Entry, LatencyTable, Target, describe, with_marks
from fasterseg.latency.timing import Timing
from fasterseg.space.blocks import BlockSpec, Size

TARGET = Target.of(TargetSettings(height=64, width=96), 5)
CONV = BlockSpec("conv", (32,), 48, 1, Size(8, 12), Size(8, 12))
ZOOMED = BlockSpec("zoomed_conv", (32,), 48, 1, Size(8, 12), Size(8, 12))
IDENTITY = BlockSpec("skip", (32,), 32, 1, Size(8, 12), Size(8, 12))


def table_of(calibration: Calibration | None = None, **medians_ms: float) -> LatencyTable:
    specs = {"conv": CONV, "zoomed_conv": ZOOMED}
    entries = {
        specs[name].key: Entry(median_ms=median_ms, spread_ms=0.1, runs=9)
        for name, median_ms in medians_ms.items()
    }
    return LatencyTable(
        target=TARGET,
        conditions={"processor": "a"},
        entries=entries,
        calibration=calibration or Calibration(),
    )


def test_a_networks_estimate_is_the_sum_of_its_blocks() -> None:
    table = table_of(conv=2.0, zoomed_conv=1.25)
    assert table.cost_ms(ZOOMED) == 1.25, "its own price, not that of the plain convolution"
    assert table.estimate_ms([CONV, ZOOMED, CONV]) == 5.25


def test_an_identity_costs_nothing() -> None:
    assert table_of(Calibration(per_block_ms=3.0)).cost_ms(IDENTITY) == 0.0


def test_a_block_that_was_not_measured_is_an_error_that_names_it() -> None:
    with pytest.raises(FileError) as caught:
        table_of(conv=2.0).cost_ms(ZOOMED)
    assert caught.value.where == ZOOMED.key
    assert "profile" in caught.value.next_step


def test_a_table_that_calls_a_kind_by_its_earlier_name_is_read() -> None:
    spec = BlockSpec("concatenate", (16, 8), 16, 1, Size(8, 12), Size(8, 12))
    measured = Entry(median_ms=2.0, spread_ms=0.1, runs=9)
    entries = {"refine 16+8->16 s1 8x12->8x12": measured}
    table = table_of().model_copy(update={"entries": entries})
    assert (table.measured_ms(spec), table.cost_ms(spec)) == (2.0, 2.0)
    assert [*table.entries] == [*entries], "and its digest stays"


def test_the_calibration_enters_every_price() -> None:
    calibration = Calibration(scale=0.5, per_block_ms=-0.25, per_byte_ms=1e-4)
    cost_ms = table_of(calibration, conv=2.0).cost_ms(CONV)
    assert CONV.border_bytes == 4 * 96 * (32 + 48)
    assert cost_ms == pytest.approx(1.0 - 0.25 + 3.072)


def test_no_calibration_makes_a_block_cheaper_than_nothing() -> None:
    assert table_of(Calibration(per_block_ms=-5.0), conv=2.0).cost_ms(CONV) == 0.0


def test_a_foreign_target_is_refused_with_the_differences() -> None:
    table = table_of(conv=2.0)
    table.require_target(TARGET)
    other = Target.of(TargetSettings(height=64, width=128, threads=4), 5)
    with pytest.raises(UsageError) as caught:
        table.require_target(other)
    assert "width: 96 -> 128" in caught.value.why
    assert "threads: 2 -> 4" in caught.value.why


@pytest.mark.parametrize(
    "changed",
    [
        TargetSettings(height=64, width=96, backend="pytorch"),
        TargetSettings(height=64, width=96, device="cuda"),
        TargetSettings(height=32, width=96),
    ],
)
def test_every_part_of_the_target_counts(changed: TargetSettings) -> None:
    with pytest.raises(UsageError):
        table_of(conv=2.0).require_target(Target.of(changed, 5))
    with pytest.raises(UsageError):
        table_of(conv=2.0).require_target(Target.of(TargetSettings(height=64, width=96), 6))


def test_entries_near_the_timers_floor_are_marked() -> None:
    entries = table_of(conv=0.02, zoomed_conv=0.4).entries
    marked = with_marks(entries, 0.01)
    assert [entry.marked for entry in marked.values()] == [True, False]


def test_entries_that_noise_does_not_tell_from_zero_are_marked() -> None:
    entries = {
        name: Entry(median_ms=0.1, spread_ms=spread_ms, runs=25)
        for name, spread_ms in (("noisy", 0.2), ("steady", 0.1))
    }
    marked = with_marks(entries, 0.0)
    assert [entry.marked for entry in marked.values()] == [True, False]


def test_the_error_of_a_median_is_that_of_normal_noise() -> None:
    generator = np.random.default_rng(0)
    drawn = generator.normal(5.0, 0.3, (4000, 101))
    timings = [Timing.of(times.tolist()) for times in drawn]
    errors = [Entry(median_ms=t.median_ms, spread_ms=t.spread_ms, runs=101) for t in timings]
    seen = np.std([timing.median_ms for timing in timings])
    assert np.mean([entry.error_ms for entry in errors]) == pytest.approx(seen, rel=0.05)


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    table = table_of(Calibration(scale=1.1, mape=0.03), conv=2.0, zoomed_conv=1.0)
    table.save(tmp_path / "table.json")
    assert LatencyTable.load(tmp_path / "table.json") == table


def without_digest(path: Path, change: dict[str, Any]) -> None:
    """Change an entry and forge the digest, as a hostile table would."""
    from fasterseg.artifacts import digest_of_value

    document = json.loads(path.read_text())
    document["content"]["entries"][CONV.key].update(change)
    try:
        document["digest"] = digest_of_value(document["content"])
    except ValueError:  # NaN has no canonical form
        document["digest"] = "sha256:" + "0" * 64
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    "change",
    [
        {"median_ms": float("nan")},
        {"median_ms": float("inf")},
        {"median_ms": -1.0},
        {"median_ms": 1e308},
        {"runs": 0},
        {"price": 1},
    ],
    ids=str,
)
def test_a_table_with_impossible_entries_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = table_of(conv=2.0).save(tmp_path / "table.json")
    without_digest(path, change)
    with pytest.raises((FileError, ValueError)):
        LatencyTable.load(path)


def test_a_target_is_described_in_one_line() -> None:
    text = "onnxruntime on cpu, float32, 2 threads, 64x96, 5 classes to labels, tail in the graph"
    assert describe(TARGET) == text
