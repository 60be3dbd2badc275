"""What comes back from a device: read strictly, held against the kit it was measured with.

Whoever wrote it may have meant harm: its size is looked at before it is read, every number is whole
and bounded, every key is one of the kit, and labels are inflated to the size that they must have
and no further.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fasterseg.artifacts import Artifact, short_digest
from fasterseg.config import runtime_named
from fasterseg.errors import FileError
from fasterseg.foreign.bounds import MOST_COUNTED, MOST_THREADS
from fasterseg.foreign.strict_json import shortened
from fasterseg.kit.labels import Labels, NotLabels, inflated_labels
from fasterseg.kit.manifest import (
    MOST_ITEMS,
    Count,
    CountOrNone,
    Digest,
    Hex,
    Key,
    KitManifest,
    Nanoseconds,
    Whole,
)

MEASURED_FILE = "measured.json"
MILLION = 10**6

Text = Annotated[str, Field(max_length=300)]
Zeroable = Annotated[int, Field(strict=True, ge=0, lt=10**15)]
MilliCelsius = Annotated[int, Field(strict=True, ge=-100_000, le=10**6)]
KiloHertz = Annotated[int, Field(strict=True, ge=0, le=MOST_COUNTED)]
PerMillion = Annotated[int, Field(strict=True, ge=0, le=MOST_COUNTED)]
Packed = Annotated[str, Field(max_length=32_000_000)]


class Device(Whole):
    """What the device said of itself, before and after where that can change."""

    name: Text
    processor: Text
    cores: Annotated[int, Field(strict=True, ge=1, le=MOST_THREADS)]
    memory_bytes: Annotated[int, Field(strict=True, ge=1, lt=2**60)] | None = None
    system: Text
    language: Text
    governor: Text | None = None
    temperature_mc: tuple[MilliCelsius, MilliCelsius] | None = None
    frequency_khz: tuple[KiloHertz, KiloHertz] | None = None


class RuntimeThere(Whole):
    """What ran the graphs there, and how it really computed."""

    name: Literal["onnxruntime", "openvino", "tensorrt", "onnxruntime-web"]
    version: Annotated[str, Field(min_length=1, max_length=100)]
    provider: Annotated[str, Field(min_length=1, max_length=100)]
    threads: Annotated[int, Field(strict=True, ge=1, le=MOST_THREADS)]
    precision: Annotated[str, Field(min_length=1, max_length=40)]


class Timed(Whole):
    """How long a graph took, and the canary beside it: blocks and borders as they were timed.

    No spread of positive times is larger than their median, and no percentile is below it.
    """

    median_ns: Nanoseconds
    p95_ns: Nanoseconds
    spread_ns: Zeroable
    runs: Count
    canary_ns: Nanoseconds

    @model_validator(mode="after")
    def _could_have_been_measured(self) -> Self:
        if self.spread_ns > self.median_ns + 1:
            raise ValueError("a spread is larger than its median")
        if self.p95_ns < self.median_ns:
            raise ValueError("a percentile of 95 lies below the median")
        return self


class Promised(Whole):
    """What the promise's protocol came to, and the digest of the file that was timed."""

    median_ns: Nanoseconds
    p95_ns: Nanoseconds
    windows: Count
    queries: Count
    steady_windows: CountOrNone
    spread_ppm: PerMillion
    pace_ppm: Annotated[int, Field(strict=True, ge=1, le=MOST_COUNTED)]
    sha256: Hex

    @model_validator(mode="after")
    def _could_have_been_measured(self) -> Self:
        if self.steady_windows > self.windows:
            raise ValueError("more windows were steady than there were")
        if self.p95_ns < self.median_ns:
            raise ValueError("a percentile of 95 lies below the median")
        return self


class KitMeasured(Artifact):
    """The times of everything in a kit on one device, and the labels of its images."""

    schema_tag: ClassVar[str] = "fasterseg/kit-measured/1"

    kit: Digest
    runner: Literal["run.py", "index.html"]
    device: Device
    runtime: RuntimeThere
    floor_ns: Zeroable
    canary_ns: Nanoseconds
    clock_ns: Nanoseconds
    timed: Annotated[dict[Key, Timed], Field(max_length=MOST_ITEMS)]
    promised: Annotated[dict[Key, Promised], Field(max_length=MOST_ITEMS)]
    labels: Annotated[
        dict[Key, Annotated[tuple[Packed, ...], Field(max_length=1000)]],
        Field(max_length=MOST_ITEMS),
    ]
    unquiet: CountOrNone

    def labels_of(self, key: str, manifest: KitManifest) -> tuple[Labels, ...]:
        """A file's labels of each image, (height, width); the manifest is that of the kit."""
        pairs = zip(self.labels[key], manifest.images, strict=True)
        return tuple(inflated_labels(text, image) for text, image in pairs)


def load_measured(path: Path) -> KitMeasured:
    """What a device measured with some kit; raises `FileError` for what no runner writes."""
    try:
        return KitMeasured.load(path)
    except FileError as error:
        raise FileError(error.what, where=error.where, why=error.why, next_step=_AGAIN) from error


def read_measured(path: Path, manifest: KitManifest) -> KitMeasured:
    """What a device measured with this kit; raises `FileError` for anything that is not that."""
    found = load_measured(path)
    for what, why in _faults(found, manifest):
        raise FileError(what, where=str(path), why=why, next_step=_AGAIN)
    return found


_AGAIN = (
    "copy measured.json from the device once more; or run the kit there again, as its README.txt "
    "says: it resumes"
)


def _faults(found: KitMeasured, manifest: KitManifest) -> Iterator[tuple[str, str]]:
    """What contradicts the kit: what is wrong, and why we think so."""
    if found.kit != manifest.digest():
        known = (short_digest(found.kit), short_digest(manifest.digest()))
        yield "this was measured with another kit", "it names {}, and this kit is {}".format(*known)
    yield from _other_target(found, manifest)
    wanted_labels = [item.key for item in manifest.labelled()] if manifest.images else []
    yield from _other_keys("times", found.timed, manifest.timed_keys())
    yield from _other_keys("promised latencies", found.promised, manifest.promised)
    yield from _other_keys("labels", found.labels, wanted_labels)
    yield from _other_promises(found, manifest)
    if found.unquiet > len(manifest.groups) + len(manifest.network_groups):
        yield "it cannot have been measured so", "more groups were unquiet than there are"
    for key in wanted_labels:
        yield from _other_labels(key, found, manifest)


def _other_target(found: KitMeasured, manifest: KitManifest) -> Iterator[tuple[str, str]]:
    there, target = found.runtime, manifest.target
    pairs = {
        "runtime": (there.name, runtime_named(target.backend).in_kits),
        "threads": (there.threads, target.threads),
        "precision": (_precision(there.precision), target.precision),
    }
    differing = [
        f"{name}: {told} there, {wanted} in the kit"
        for name, (told, wanted) in pairs.items()
        if told != wanted
    ]
    if differing:
        yield "this was measured otherwise than the kit says", "; ".join(differing)


def _precision(told: str) -> str:
    """The one that counts of those in which a runtime computes: what is in int8 ends in float32."""
    parts = told.split("+")
    return "int8" if {*parts} == {"float32", "int8"} else told


def _other_keys(
    what: str, found: Mapping[str, object], wanted: list[str] | tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    if missing := {*wanted} - found.keys():
        example = f"{len(missing)} are missing, as of {shortened(min(missing))}"
        yield f"not all {what} of the kit are there", example
    if strange := found.keys() - {*wanted}:
        yield f"it has {what} that the kit does not ask for", f"as of {shortened(min(strange))}"


def _other_promises(found: KitMeasured, manifest: KitManifest) -> Iterator[tuple[str, str]]:
    asked = manifest.promise
    for key, one in found.promised.items():
        if one.sha256 != manifest.files[manifest.item(key).file].sha256:
            yield "another file was timed than the kit has", shortened(key)
        if one.queries != asked.queries or one.windows < asked.windows:
            yield (
                "what is promised was not measured long enough",
                f"{one.windows} windows of {one.queries} queries, and at least {asked.windows} of "
                f"{asked.queries} were asked for: {shortened(key)}",
            )


def _other_labels(key: str, found: KitMeasured, manifest: KitManifest) -> Iterator[tuple[str, str]]:
    if len(found.labels[key]) != len(manifest.images):
        yield (
            "not every image has its labels",
            f"{len(found.labels[key])} of {len(manifest.images)}: {shortened(key)}",
        )
        return
    try:
        most = max(int(one.max()) for one in found.labels_of(key, manifest))
    except NotLabels as error:
        yield "its labels cannot be read", f"{error}: {shortened(key)}"
        return
    if most >= manifest.target.classes:
        yield "it has labels of no class", f"{most}, and there are {manifest.target.classes}"
