"""Where a kit is run: anywhere, by a person who carries it there and brings back what it measured.

Whoever waits for a kit knows a `Host` and not which one: an answer that has come is read, and kept
beside the kit, so that the same kit is not run twice.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fasterseg.config import runtime_named
from fasterseg.durable import durable_write
from fasterseg.errors import Interrupted
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.kit.measured import MEASURED_FILE, KitMeasured, read_measured
from fasterseg.kit.writing import PackedKit


class Host(Protocol):
    """A device on another host."""

    def measured(self, kit: PackedKit, *, why: str) -> KitMeasured:
        """What the device measured with a kit; `why` says what for.

        Raises `Interrupted` where that has to be waited for: the same command then resumes.
        """


@dataclass(frozen=True, slots=True)
class ByHand:
    """A person carries the kit; `read_with` is what is typed here once its answer is back."""

    read_with: str

    def measured(self, kit: PackedKit, *, why: str) -> KitMeasured:
        """The answer that lies here; raises `Interrupted`, with what to do, where there is none."""
        found = answered(kit)
        if found is None:
            raise Interrupted(
                f"a device is waited for: it is to tell {why}",
                where=str(kit.zip),
                why="that is measured on the device, which a person goes to (target.host kit)",
                next_step=f"on the device: unzip {kit.zip.name}, go into its folder, "
                f"{_typed_there(kit)}\nhere: {self.read_with}\nor lay {MEASURED_FILE} into "
                f"{shlex.quote(str(kit.folder))}; then the same command once more",
            )
        return found


def _typed_there(kit: PackedKit) -> str:
    if runtime_named(kit.manifest.target.backend).is_web:
        return (
            "type: python3 -m http.server 8000 and open http://localhost:8000/index.html in the "
            f"browser; it offers {MEASURED_FILE}"
        )
    return f"type: python3 run.py, which writes {MEASURED_FILE}"


def answer_beside(kit: PackedKit) -> Path:
    """Where the answer to a kit is kept."""
    return kit.folder.with_name(f"{kit.folder.name}-{MEASURED_FILE}")


def answered(kit: PackedKit) -> KitMeasured | None:
    """The answer to a kit that lies beside it, or in its folder; None where there is none."""
    for place in _places(kit):
        if place.is_file():
            return read_measured(place, kit.manifest)
    return None


def keep_answer(kit: PackedKit, measured: Path) -> KitMeasured:
    """Read an answer, wherever it lies, and keep it beside its kit; raises as `read_measured`."""
    found = read_measured(measured, kit.manifest)
    durable_write(answer_beside(kit), bytes_of(measured))
    return found


def put_beside(kit: PackedKit) -> None:
    """Move an answer that lies in the kit's folder beside it, where that can be packed anew."""
    beside, inside = _places(kit)
    if inside.is_file() and not beside.is_file():
        inside.replace(beside)


def forget_answers(kit: PackedKit) -> None:
    """Remove the answers that lie with a kit: it is to be measured anew."""
    for place in _places(kit):
        place.unlink(missing_ok=True)


def _places(kit: PackedKit) -> Iterator[Path]:
    yield answer_beside(kit)
    yield kit.folder / MEASURED_FILE
