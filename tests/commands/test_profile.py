from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from every_spec import all_specs

from fasterseg.config import Recipe
from fasterseg.console.progress import progress_for
from fasterseg.deploy.benchmark.measuring import Meter
from fasterseg.deploy.benchmark.on_target import meter_of
from fasterseg.deploy.exporting.borders import PROTOCOL
from fasterseg.errors import UsageError
from fasterseg.latency.entries_file import EntriesFile
from fasterseg.latency.networks import NetworkSpec
from fasterseg.latency.table import LatencyTable
from fasterseg.latency.timing import Call, MonotonicStopwatch, TimerSettings, Timing
from fasterseg.pipeline.stages.profiling import profile_stage
from fasterseg.runs import RunFolder
from fasterseg.space.architecture import Geometry
from fasterseg.space.blocks import BlockSpec, Size

SMALL = {
    "space": {
        "layers": 3,
        "operators": ["skip", "conv"],
        "expansions": [2, 4],
        "stem_expansions": [2],
        "head_expansions": [2],
    },
    "contenders": [
        {"name": "student", "role": "student", "stem_expansion": 2, "head_expansion": 2}
    ],
    "target": {"backend": "pytorch", "threads": 1, "height": 32, "width": 64},
    "profile": {"runs": 3, "seconds_per_block": 1e-4, "calibration_networks": 6},
}


def recipe_of(**changes: object) -> Recipe:
    return Recipe.model_validate({**SMALL, **changes})


def profiled(recipe: Recipe, folder: Path) -> LatencyTable:
    return profile_stage(recipe, RunFolder(folder), classes=5, show=progress_for())


def test_the_stage_times_every_block_and_judges_itself_on_whole_networks(run_folder: Path) -> None:
    recipe = recipe_of()
    table = profiled(recipe, run_folder)
    wanted = all_specs(recipe.space, recipe.contenders, Geometry(Size(32, 64), 5))
    assert list(table.entries) == [spec.key for spec in wanted]
    # So short a block may be lost in the noise of what is taken off: zero then, and marked.
    assert all(entry.median_ms > 0 or entry.marked for entry in table.entries.values())
    # Three runs in as many visits, of which those count that nothing disturbed: two at least.
    assert all(entry.runs >= 2 for entry in table.entries.values())
    # So small a space may hold fewer than six networks that differ, by what was just measured, and
    # of these half are enough where others were disturbed.
    assert 2 <= len(table.calibration.networks) <= 6
    assert table.calibration.mape is not None
    assert all(n.measured_ms > 0 and n.predicted_ms > 0 for n in table.calibration.networks)
    assert LatencyTable.load(RunFolder(run_folder).latency_table) == table


def test_a_network_of_the_table_is_what_others_are_measured_against(run_folder: Path) -> None:
    table = profiled(recipe_of(), run_folder)
    assert table.reference is not None
    times_ms = sorted(network.measured_ms for network in table.calibration.networks)
    assert table.reference.measured_ms == times_ms[len(times_ms) // 2]

    meter, geometry = meter_of(table)

    assert meter.beat.known_ms == table.reference.measured_ms
    again = meter.architecture(table.reference.architecture, geometry)
    # The same network twice, run by run: it is told in the table's milliseconds, whatever the pace.
    assert 0.1 < again.median_ms / table.reference.measured_ms < 10


def test_networks_that_other_work_slowed_down_do_not_count(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: dict[str, int] = {}

    def blocks(
        _meter: Meter, specs: Iterable[BlockSpec], *, settings: TimerSettings
    ) -> Iterator[tuple[BlockSpec, Timing]]:
        for spec in specs:
            yield spec, Timing(1e-8 * (1 + spec.macs), 1.0, 0.0, settings.runs, beat_ms=0.2)

    def networks(
        _meter: Meter, given: Iterable[NetworkSpec], *, settings: TimerSettings
    ) -> Iterator[tuple[NetworkSpec, Timing]]:
        """Every third one is disturbed, whenever it is measured, and takes ten times as long."""
        for one in given:
            if order.setdefault(one.key, len(order)) % 3 == 1:
                slow = Timing(10.0, 10.0, 0.0, settings.runs, beat_ms=0.3, beat_range=0.4)
                yield one, slow
            else:
                yield one, Timing(1.0, 1.0, 0.0, settings.runs, beat_ms=0.2)

    monkeypatch.setattr(Meter, "blocks", blocks)
    monkeypatch.setattr(Meter, "networks", networks)
    table = profiled(recipe_of(), run_folder)
    assert {one.measured_ms for one in table.calibration.networks} == {1.0}
    assert table.reference is not None
    assert table.reference.measured_ms == 1.0, "it would be the pace of all that is measured"


def test_another_stopwatch_times_blocks_and_networks(run_folder: Path) -> None:
    def slow(call: Call) -> float:
        return MonotonicStopwatch()(call) + 100.0

    show = progress_for()
    table = profile_stage(recipe_of(), RunFolder(run_folder), classes=5, show=show, stopwatch=slow)
    assert table.floor_ms > 100.0
    assert all(network.measured_ms > 100.0 for network in table.calibration.networks)


def test_a_finished_table_is_taken_as_it_is(run_folder: Path) -> None:
    table = profiled(recipe_of(), run_folder)
    files = {path: path.read_bytes() for path in run_folder.rglob("*") if path.is_file()}
    assert profiled(recipe_of(), run_folder) == table
    assert files == {path: path.read_bytes() for path in run_folder.rglob("*") if path.is_file()}


def test_a_lost_table_is_made_again_from_its_entries(run_folder: Path) -> None:
    table = profiled(recipe_of(), run_folder)
    RunFolder(run_folder).latency_table.unlink()
    again = profiled(recipe_of(), run_folder)
    medians_ms = [entry.median_ms for entry in table.entries.values()]
    assert [entry.median_ms for entry in again.entries.values()] == medians_ms
    assert again.calibration == table.calibration


def test_a_table_of_another_target_is_refused(run_folder: Path) -> None:
    profiled(recipe_of(), run_folder)
    other = recipe_of(target={**SMALL["target"], "width": 96})  # type: ignore[dict-item]
    with pytest.raises(UsageError, match="another target") as caught:
        profiled(other, run_folder)
    assert "width: 64 -> 96" in caught.value.why


def test_a_table_of_another_machine_is_refused(run_folder: Path) -> None:
    table = profiled(recipe_of(), run_folder)
    path = RunFolder(run_folder).latency_table
    elsewhere = {**table.conditions, "processor": "another one"}
    table.model_copy(update={"conditions": elsewhere}).save(path)
    with pytest.raises(UsageError) as caught:
        profiled(recipe_of(), run_folder)
    assert "processor" in caught.value.why


def test_a_profile_of_blocks_that_were_timed_alone_is_refused(run_folder: Path) -> None:
    table = profiled(recipe_of(), run_folder)
    run = RunFolder(run_folder)
    entries = run.timed_blocks
    first, *rest = entries.read_text().splitlines()
    stored = json.loads(first)
    del stored["check"], stored["conditions"]["blocks"]
    entries.write_text("")
    EntriesFile(entries).append(stored)
    entries.write_text("\n".join([entries.read_text().strip(), *rest, ""]))
    run.latency_table.unlink()
    with pytest.raises(UsageError, match="latency profile") as caught:
        profiled(recipe_of(), run_folder)
    assert PROTOCOL in caught.value.why

    alone = {key: value for key, value in table.conditions.items() if key != "blocks"}
    table.model_copy(update={"conditions": alone}).save(run.latency_table)
    with pytest.raises(UsageError, match="latency table") as caught:
        profiled(recipe_of(), run_folder)
    assert PROTOCOL in caught.value.why
