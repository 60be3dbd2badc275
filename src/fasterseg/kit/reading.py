"""From what a device measured to a latency table, and to the latencies of finished networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from fasterseg.deploy.benchmark.measuring import NetworkLatency, without_borders
from fasterseg.deploy.exporting.borders import PROTOCOL, border_shares
from fasterseg.errors import FileError
from fasterseg.kit.manifest import KitManifest
from fasterseg.kit.measured import MILLION, KitMeasured, Timed
from fasterseg.kit.packing import border_key, space_digest
from fasterseg.latency.assembling import assembled
from fasterseg.latency.networks import NetworkSpec
from fasterseg.latency.table import Entry, LatencyTable, with_marks
from fasterseg.latency.timing import NANOSECONDS_PER_MS, Timing
from fasterseg.space.blocks import BlockSpec


def table_of(
    manifest: KitManifest,
    measured: KitMeasured,
    specs: Sequence[BlockSpec],
    networks: Sequence[NetworkSpec],
) -> LatencyTable:
    """The device's latency table of a space, calibrated on the kit's networks.

    Raises `FileError` where the kit was packed for another space than these specs.
    """
    if space_digest(specs) != manifest.space:
        raise FileError(
            "the kit was packed for another search space",
            where=manifest.name,
            why=f"it holds {sum(map(len, manifest.groups))} graphs of blocks and borders, and "
            f"this space has {len(specs)} blocks, of which some are others",
            next_step="fasterseg kit pack, with the recipe that is to be searched",
        )
    entries = {spec.key: timing for spec, timing in _blocks(manifest, measured, specs)}
    floor_ms = measured.floor_ns / NANOSECONDS_PER_MS
    table = LatencyTable(
        target=manifest.target,
        conditions=conditions_there(measured),
        floor_ms=floor_ms,
        entries=with_marks({spec.key: entries[spec.key] for spec in specs}, floor_ms),
    )
    taken = [(one, measured.timed[one.key].median_ns / NANOSECONDS_PER_MS) for one in networks]
    return assembled(table, specs, taken)


def _blocks(
    manifest: KitManifest, measured: KitMeasured, specs: Sequence[BlockSpec]
) -> Iterator[tuple[BlockSpec, Entry]]:
    """Each block's own time: less its borders, which were timed in turn with it."""
    by_key = {spec.key: spec for spec in specs}
    for number, group in enumerate(manifest.groups):
        for spec in (by_key[key] for key in group if key in by_key):
            shares = border_shares(spec)
            timings = {
                spec.key: _timing(measured.timed[spec.key]),
                **{b.key: _timing(measured.timed[border_key(b.key, number)]) for b in shares},
            }
            own = without_borders(spec, shares, timings)
            yield spec, Entry(median_ms=own.median_ms, spread_ms=own.spread_ms, runs=own.runs)


def _timing(timed: Timed) -> Timing:
    return Timing(
        median_ms=timed.median_ns / NANOSECONDS_PER_MS,
        p95_ms=timed.p95_ns / NANOSECONDS_PER_MS,
        spread_ms=timed.spread_ns / NANOSECONDS_PER_MS,
        runs=timed.runs,
    )


def conditions_there(measured: KitMeasured) -> dict[str, str]:
    """What the latencies depend on: the device, its settings, and what ran there."""
    device, runtime = measured.device, measured.runtime
    memory = "" if device.memory_bytes is None else f"{device.memory_bytes >> 20} MiB"
    told = {
        "kit": KitManifest.schema_tag,
        "runner": measured.runner,
        "device": device.name,
        "processor": device.processor,
        "cores": str(device.cores),
        "memory": memory,
        "system": device.system,
        "language": device.language,
        "governor": device.governor or "",
        "blocks": PROTOCOL,
        runtime.name: runtime.version,
        "provider": runtime.provider,
    }
    return {name: value for name, value in told.items() if value}


def latencies_of(manifest: KitManifest, measured: KitMeasured) -> Mapping[str, NetworkLatency]:
    """What each network of a kit takes on the device, at the pace of its reference."""
    found = {}
    for key in manifest.promised:
        one = measured.promised[key]
        found[key] = NetworkLatency(
            median_ms=one.median_ns / NANOSECONDS_PER_MS,
            p95_ms=one.p95_ns / NANOSECONDS_PER_MS,
            windows=one.windows,
            queries=one.queries,
            steady_windows=one.steady_windows,
            spread=one.spread_ppm / MILLION,
            pace=one.pace_ppm / MILLION,
            digest=f"sha256:{one.sha256}",
        )
    return found
