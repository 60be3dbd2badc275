"""The rounds of a run: kits that are sent to its device, and what comes back.

A round is a kit in the run's folder and, beside it, a note of what was asked for.  Whoever asks the
same is in the same round, until the answer is kept; then the next question, were it the same, is a
round of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

from fasterseg.artifacts import Artifact, digest_of_value
from fasterseg.config import SshAddress, TargetSettings
from fasterseg.config.hosts import BY_HAND
from fasterseg.kit.hosts import ByHand, Host, answered, forget_answers, put_beside
from fasterseg.kit.kept import kit_of
from fasterseg.kit.manifest import MANIFEST_FILE
from fasterseg.kit.measured import MEASURED_FILE, KitMeasured
from fasterseg.kit.ssh import OverSsh
from fasterseg.kit.writing import PackedKit
from fasterseg.runs import RunFolder
from fasterseg.stopping import Show, StopRequest

Pack = Callable[[Path], PackedKit]
"""Packs a kit into a folder."""


class AskedRound(Artifact):
    """What a kit was packed for, by the digest of the question; and whether its answer is kept."""

    schema_tag: ClassVar[str] = "fasterseg/kit-round/1"

    asked: str
    why: str
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device measured with a kit."""

    kit: PackedKit
    measured: KitMeasured


@dataclass(frozen=True, slots=True)
class Rounds:
    """Asks a host, by kits in a folder."""

    folder: Path
    host: Host

    @contextmanager
    def round(
        self, what: str, *, asked: Mapping[str, Any], pack: Pack, why: str
    ) -> Iterator[Answer]:
        """The answer to what is `asked`, which is to be kept before the context is left.

        `what` names the kit.  Raises `Interrupted` where the answer has to be waited for.
        """
        question = digest_of_value(asked)
        folder = self._place(what, question)
        note = note_beside(folder)
        kit = kit_of(folder) if (folder / MANIFEST_FILE).is_file() else None
        if kit is None or not note.is_file() or AskedRound.load(note).asked != question:
            kit = _packed_anew(pack, folder, before=kit)
            AskedRound(asked=question, why=why).save(note)
        yield Answer(kit, self.host.measured(kit, why=why))
        AskedRound(asked=question, why=why, kept=True).save(note)

    def _place(self, what: str, question: str) -> Path:
        """The folder of the round that is open; where none is, of the next one."""
        for number in count(1):
            folder = self.folder / (what if number == 1 else f"{what}-{number}")
            note = note_beside(folder)
            if not note.is_file() or not AskedRound.load(note).kept:
                return folder
        raise AssertionError


def note_beside(folder: Path) -> Path:
    """Where the note of a round lies, whose kit lies in that folder."""
    return folder.with_name(f"{folder.name}.json")


def is_round(kit: PackedKit) -> bool:
    """Whether a run waits for what this kit measures."""
    note = note_beside(kit.folder)
    return note.is_file() and not AskedRound.load(note).kept


def _packed_anew(pack: Pack, folder: Path, *, before: PackedKit | None) -> PackedKit:
    """A kit in the place of another, whose answer stays where it is the same kit after all."""
    if before is not None:
        put_beside(before)
    kit = pack(folder)
    if before is not None and before.manifest.digest() != kit.manifest.digest():
        forget_answers(before)
    return kit


def rounds_of(
    settings: TargetSettings,
    run: RunFolder,
    *,
    show: Show | None = None,
    stop: StopRequest | None = None,
) -> Rounds:
    """What asks the device of a run's target; without `show` it says no more than where it is."""
    typed = f"fasterseg kit read {MEASURED_FILE} --run {shlex.quote(str(run.root))}"
    return Rounds(run.kits, host_of(settings.host, show=show, stop=stop, read_with=typed))


def host_of(
    name: str, *, show: Show | None = None, stop: StopRequest | None = None, read_with: str
) -> Host:
    """The host of that name, which is not this machine."""
    if name == BY_HAND:
        return ByHand(read_with)
    return Reached(SshAddress.of(name), show, stop)


@dataclass(frozen=True, slots=True)
class Reached:
    """A device that ssh reaches, and how what it does is shown and stopped here."""

    address: SshAddress
    show: Show | None = None
    stop: StopRequest | None = None

    def measured(self, kit: PackedKit, *, why: str) -> KitMeasured:
        """What it measures now, or has measured before; raises as `OverSsh` does."""
        known = answered(kit)
        if known is not None:
            return known
        if self.show is None:  # something is shown already, of which this is a step
            return OverSsh(self.address, stop=self.stop).measured(kit, why=why)
        with self.show(f"Measuring on {self.address}", total=0, unit="graphs") as step:
            return OverSsh(self.address, progress=step, stop=self.stop).measured(kit, why=why)
