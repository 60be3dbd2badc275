"""What lies in a kit: the graphs, how each is timed, and the digest of every file.

All numbers are whole (nanoseconds, bytes), so that every language writes the same canonical JSON,
and with it the same digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fasterseg.artifacts import Artifact
from fasterseg.deploy.benchmark.measuring import WindowSettings
from fasterseg.foreign.bounds import LONGEST_SIDE, MOST_COUNTED
from fasterseg.latency.table import Target
from fasterseg.latency.timing import TimerSettings

MANIFEST_FILE = "manifest.json"
MOST_ITEMS, MOST_NANOSECONDS, MOST_FILE_BYTES = 20_000, 10**15 - 1, 1 << 32

Role = Literal["canary", "floor", "block", "border", "network", "file"]
Fill = Literal["bytes", "features", "numbers"]
"""What an input holds: noise of an image, rectified numbers (half are zero), or both signs."""
NumberType = Literal["uint8", "int8", "float32", "float16"]

Key = Annotated[str, Field(min_length=1, max_length=400)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Place = Annotated[str, Field(max_length=100, pattern=r"^([a-z0-9]+/)?[A-Za-z0-9_-]+\.[a-z]+$")]
"""A file of a kit, within its folder."""
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(strict=True, ge=1, le=MOST_COUNTED)]
CountOrNone = Annotated[int, Field(strict=True, ge=0, le=MOST_COUNTED)]
Nanoseconds = Annotated[int, Field(strict=True, ge=1, le=MOST_NANOSECONDS)]
Bytes = Annotated[int, Field(strict=True, ge=0, le=MOST_FILE_BYTES)]
Side = Annotated[int, Field(strict=True, ge=1, le=LONGEST_SIDE)]


class Whole(BaseModel):
    """A part of a kit's files: frozen, and without a key that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PackedInput(Whole):
    """What a graph reads: always the same numbers, which the runner makes by itself."""

    name: Name
    shape: Annotated[tuple[Count, ...], Field(max_length=8)]
    type: NumberType
    fill: Fill


class Item(Whole):
    """A graph of a kit: what it stands for, and its file."""

    key: Key
    role: Role
    file: Place
    inputs: Annotated[tuple[PackedInput, ...], Field(min_length=1, max_length=16)]


class PackedTimer(Whole):
    """`latency.timing.TimerSettings`: how often a graph is called."""

    warmup_runs: CountOrNone
    runs: Count
    nanoseconds: Annotated[int, Field(strict=True, ge=0, le=MOST_NANOSECONDS)]
    visits: Count

    @classmethod
    def of(cls, settings: TimerSettings) -> Self:
        """The same, in whole numbers."""
        nanoseconds = round(settings.seconds * 1e9)
        return cls(
            warmup_runs=settings.warmup_runs,
            runs=settings.runs,
            nanoseconds=nanoseconds,
            visits=settings.visits,
        )


class PackedPromise(Whole):
    """`deploy.benchmark.measuring.WindowSettings`: how what is promised is measured."""

    windows: Count
    queries: Count
    warmup_runs: CountOrNone
    needed: CountOrNone
    most: CountOrNone

    @classmethod
    def of(cls, settings: WindowSettings) -> Self:
        """The same, at the boundary of a file."""
        return cls(**asdict(settings))


class PackedImage(Whole):
    """An image whose labels come back: (height, width, 3) bytes and nothing else in its file."""

    file: Place
    height: Side
    width: Side


class PackedFile(Whole):
    """A file's SHA-256, as 64 digits, and its size."""

    sha256: Hex
    bytes: Bytes


Keys = Annotated[tuple[Key, ...], Field(max_length=MOST_ITEMS)]
Groups = Annotated[tuple[Keys, ...], Field(max_length=MOST_ITEMS)]


class KitManifest(Artifact):
    """All that a runner needs to know, and what its `measured.json` is held against.

    `space` is the digest of the sorted keys of the blocks, empty in a kit of networks.  Blocks and
    their borders are timed in turn by `groups`, calibration networks by `network_groups`; what is
    `promised` is measured in windows, by turns with the `reference`, whose known pace is
    `reference_ns`, or else with the canary.
    """

    schema_tag: ClassVar[str] = "fasterseg/kit/1"

    name: Name
    purpose: Literal["space", "networks"]
    target: Target
    space: Digest | Literal[""]
    blocks_timer: PackedTimer
    networks_timer: PackedTimer
    promise: PackedPromise
    canary: Key
    floor: Key
    reference: Key | None = None
    reference_ns: Nanoseconds | None = None
    items: Annotated[tuple[Item, ...], Field(min_length=2, max_length=MOST_ITEMS)]
    groups: Groups
    network_groups: Groups
    promised: Keys
    images: Annotated[tuple[PackedImage, ...], Field(max_length=1000)]
    files: Annotated[dict[Place, PackedFile], Field(max_length=2 * MOST_ITEMS)]

    @model_validator(mode="after")
    def _names_what_it_holds(self) -> Self:
        known = [item.key for item in self.items]
        if len({*known}) < len(known):
            raise ValueError("two items have one key")
        named = [self.canary, self.floor, *self.timed_keys(), *self.promised]
        named += [self.reference] if self.reference else []
        if strange := {*named} - {*known}:
            raise ValueError(f"no item has the key {min(strange)!r}")
        lying = [item.file for item in self.items] + [image.file for image in self.images]
        if strange := {*lying} - self.files.keys():
            raise ValueError(f"no file is called {min(strange)!r}")
        return self

    def item(self, key: str) -> Item:
        """The item of a key."""
        return next(item for item in self.items if item.key == key)

    def timed_keys(self) -> list[str]:
        """The keys of what is timed in turn, each once, in the order in which it first comes."""
        groups = (*self.groups, *self.network_groups)
        return [*dict.fromkeys(key for group in groups for key in group)]

    def labelled(self) -> Iterator[Item]:
        """The files whose labels of the images come back."""
        return (item for item in self.items if item.role == "file")

    def to_bytes(self) -> bytes:
        """The file in a kit: without time or machine, so that one recipe gives the same bytes."""
        document = {"schema": self.schema_tag, "digest": self.digest(), "content": self.content()}
        return json.dumps(document, indent=1, allow_nan=False).encode() + b"\n"
