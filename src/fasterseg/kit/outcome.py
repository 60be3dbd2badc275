"""What packing a kit and reading what came back come to, as the commands return it."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict

from fasterseg.amounts import size
from fasterseg.artifacts import short_digest
from fasterseg.deploy.benchmark.measuring import NetworkLatency
from fasterseg.kit.measured import KitMeasured
from fasterseg.kit.writing import PackedKit
from fasterseg.latency.profiled import ProfileResult
from fasterseg.latency.table import describe
from fasterseg.told import Told


class PackResult(Told, BaseModel):
    """A kit that lies ready: where, what is in it, how large it is, what to type next."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    zip: str
    digest: str
    target: str
    blocks: int
    networks: int
    images: int
    zip_bytes: int
    folder_bytes: int
    read_with: str

    @classmethod
    def of(cls, kit: PackedKit, read_with: str) -> Self:
        """What is told of a kit; `read_with` is what is typed once `measured.json` is back."""
        roles = Counter(item.role for item in kit.manifest.items)
        return cls(
            folder=str(kit.folder),
            zip=str(kit.zip),
            digest=kit.manifest.digest(),
            target=describe(kit.manifest.target),
            blocks=roles["block"],
            networks=roles["network"] + roles["file"],
            images=len(kit.manifest.images),
            zip_bytes=kit.zip.stat().st_size,
            folder_bytes=sum(one.bytes for one in kit.manifest.files.values()),
            read_with=read_with,
        )

    def describe(self) -> str:
        """Return what was packed, and what to do with it, in a few lines."""
        held = [
            *([f"{self.blocks} blocks"] if self.blocks else []),
            f"{self.networks} network{'' if self.networks == 1 else 's'}",
            *([f"{self.images} images"] if self.images else []),
        ]
        sizes = f"{size(self.zip_bytes)}, unpacked {size(self.folder_bytes)}"
        return "\n".join(
            [
                f"packed {', '.join(held)}: {self.target}",
                f"kit: {self.zip} ({sizes})",
                "on the device, unpack it and follow its README.txt; then, here:",
                f"  {self.read_with}",
            ]
        )


class DeviceTold(BaseModel):
    """Where something was measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str
    runtime: str
    unquiet: int

    @classmethod
    def of(cls, measured: KitMeasured) -> Self:
        """What the device said."""
        return cls(
            device=f"{measured.device.name} ({measured.device.processor})",
            runtime=f"{measured.runtime.name} {measured.runtime.version}",
            unquiet=measured.unquiet,
        )

    def describe(self) -> list[str]:
        """Return the device, and a warning where it was not left alone."""
        lines = [f"measured on {self.device} with {self.runtime}"]
        if self.unquiet:
            lines.append(
                f"{self.unquiet} group{'s were' if self.unquiet > 1 else ' was'} never timed while "
                "the device was quiet"
            )
        return lines


class TableRead(Told, BaseModel):
    """A device's latency table, kept in the run that it is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    told: DeviceTold
    table: ProfileResult
    next_step: str

    def describe(self) -> str:
        """Return where it was measured, what was found, and what comes next."""
        return "\n".join([*self.told.describe(), self.table.describe(), f"next: {self.next_step}"])


class LatencyThere(BaseModel):
    """A finished network on the device; `agreement` is the share of pixels labelled as here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str
    median_ms: float
    p95_ms: float
    steady_windows: int
    windows: int
    pace: float
    digest: str
    agreement: float | None

    @classmethod
    def of(cls, network: str, found: NetworkLatency, agreement: float | None) -> Self:
        """What was measured of it."""
        return cls(
            network=network,
            median_ms=found.median_ms,
            p95_ms=found.p95_ms,
            steady_windows=found.steady_windows,
            windows=found.windows,
            pace=found.pace,
            digest=found.digest,
            agreement=agreement,
        )

    def describe(self) -> str:
        """Return it in one line."""
        labels = "" if self.agreement is None else f", {100 * self.agreement:.4f} % equal labels"
        return (
            f"{self.network} ({short_digest(self.digest)}): p95 {self.p95_ms:.3f} ms, median "
            f"{self.median_ms:.3f}, {self.steady_windows} of {self.windows} windows steady{labels}"
        )


class LatenciesRead(Told, BaseModel):
    """What finished networks take on the device, and whether their labels are those of here."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    in_lines: ClassVar = ("networks",)

    told: DeviceTold
    networks: tuple[LatencyThere, ...]
    next_step: str = ""

    def describe(self) -> str:
        """Return where it was measured, each network in a line, and what comes next."""
        lines = [*self.told.describe(), *(one.describe() for one in self.networks)]
        return "\n".join([*lines, *([f"next: {self.next_step}"] if self.next_step else [])])
