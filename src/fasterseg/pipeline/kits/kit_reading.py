"""What came back from a device: into the run that it is for, or told of finished networks."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from fasterseg.artifacts import digest_of_file, short_digest
from fasterseg.console.options import Common
from fasterseg.durable import durable_write
from fasterseg.errors import FileError, UsageError
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.kit.hosts import keep_answer
from fasterseg.kit.kept import agreement_of, kit_of, networks_of
from fasterseg.kit.measured import MEASURED_FILE, KitMeasured, load_measured, read_measured
from fasterseg.kit.outcome import DeviceTold, LatenciesRead, LatencyThere, TableRead
from fasterseg.kit.reading import latencies_of, table_of
from fasterseg.kit.writing import PackedKit
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.profiled import ProfileResult
from fasterseg.latency.table import LatencyTable, Target
from fasterseg.paths import user_path
from fasterseg.pipeline.devices.rounds import is_round
from fasterseg.pipeline.opening import hold_run
from fasterseg.pipeline.stages.profiling import all_options
from fasterseg.runs import RunFolder, run_above


def read_named(path: Path, common: Common, kit: Path | str) -> TableRead | LatenciesRead:
    """What a device measured, held against its kit: a run's latency table, or latencies.

    Raises `FileError` for what is not what a kit of ours came to, before anything is written.
    """
    packed = _kit_for(path, common, kit)
    measured = read_measured(path, packed.manifest)
    told = DeviceTold.of(measured)
    if packed.manifest.purpose == "networks":
        agreement = agreement_of(packed, measured)
        found = latencies_of(packed.manifest, measured)
        networks = [LatencyThere.of(key, one, agreement.get(key)) for key, one in found.items()]
        step = _for_its_round(path, packed)
        return LatenciesRead(told=told, networks=tuple(networks), next_step=step)
    return _into_a_run(path, packed, measured, told, common)


def _into_a_run(
    path: Path, packed: PackedKit, measured: KitMeasured, told: DeviceTold, common: Common
) -> TableRead:
    """Write the table into the run that the kit was packed for."""
    with hold_run(replace(common, run=_run_of(packed, common).root), ()) as opened:
        (recipe, run, source), _ = opened
        target = Target.of(recipe.target, source.label_space.classes)
        specs = specs_of(all_options(recipe), target.geometry)
        table = table_of(packed.manifest, measured, specs, networks_of(packed))
        table.require_target(target)
        _require_free(run, table)
        durable_write(run.kits / f"{packed.folder.name}-{MEASURED_FILE}", bytes_of(path))
        table.save(run.latency_table, inputs={"measured": digest_of_file(path)})
    return TableRead(
        told=told,
        table=ProfileResult.of(table, run.latency_table),
        next_step=f"fasterseg run --run {shlex.quote(str(run.root))}",
    )


def _for_its_round(path: Path, packed: PackedKit) -> str:
    """Keep the answer to a round that a run waits for; what to type next, nothing for others."""
    run = run_above(packed.folder)
    if run is None or not is_round(packed):
        return ""
    keep_answer(packed, path)
    return f"fasterseg run --run {shlex.quote(str(run.root))}"


def _require_free(run: RunFolder, table: LatencyTable) -> None:
    """Raise `UsageError` where the run has another table, by which something may be made."""
    if run.latency_table.exists() and LatencyTable.load(run.latency_table) != table:
        raise UsageError(
            "the run has another latency table",
            where=str(run.latency_table),
            why="a run has one target and one table, and what it made since was made by that",
            next_step="pack the kit for a new run: fasterseg kit pack --run ANOTHER",
        )


def _kit_for(path: Path, common: Common, kit: Path | str) -> PackedKit:
    """The kit that a file was measured with: named, beside the file, or in the run's folder."""
    if kit:
        return kit_of(user_path(kit, "--kit"))
    wanted = load_measured(path).kit
    kits = _kits_in(RunFolder(Path(common.run)).checked()) if common.run else []
    for folder in (path.absolute().parent, *kits):
        # What is called so in somebody's folder of downloads need be no kit.
        with suppress(FileError):
            found = kit_of(folder)
            if found.manifest.digest() == wanted:
                return found
    raise FileError(
        "the kit that this was measured with is not here",
        where=str(path),
        why=f"it names the kit {short_digest(wanted)}, which lies "
        + ("neither beside it nor in the run's folder" if common.run else "not beside it"),
        next_step="say where its folder is, with --kit, or for which run it is, with --run",
    )


def _kits_in(run: RunFolder) -> list[Path]:
    return sorted(one for one in run.kits.glob("*/") if one.is_dir())


def _run_of(packed: PackedKit, common: Common) -> RunFolder:
    """The run that is named, or else the one in whose folder the kit lies; it is there already."""
    if common.run is None:
        run = run_above(packed.folder)
    else:
        named = RunFolder(Path(common.run)).checked()
        run = named if named.recipe.is_file() else None
    if run is None:
        raise UsageError(
            "it is not known for which run this was measured",
            where=str(packed.folder) if common.run is None else f"--run {common.run}",
            why="the kit of a search space belongs to a run, and "
            + ("this one lies in none" if common.run is None else "there is none in this folder"),
            next_step="name the folder of the run that the kit was packed for, with --run",
        )
    return run
