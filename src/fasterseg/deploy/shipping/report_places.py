"""What lies beside an exported file: its report, a verification's, a script, tails; and where.

All are called after the whole name of the file, so that those of `net.onnx` and `net.xml` lie side
by side.  Earlier versions left its ending out of a report's name; such a report is read where it
says that it is this file's.
"""

from __future__ import annotations

from pathlib import Path

from fasterseg.deploy.shipping.verification_report import ExportReport
from fasterseg.deploy.tail.beside import beside, sources

_REPORT = ".export.json"


def report_beside(path: Path) -> Path:
    """Where the report on an exported file is written."""
    return path.with_name(path.name + _REPORT)


def report_of(path: Path) -> Path | None:
    """Where the report on an exported file lies; None where there is none.

    Raises `FileError` for one of an earlier version's name that cannot be read.
    """
    own = report_beside(path)
    return own if own.is_file() else earlier_report(path)


def earlier_report(path: Path) -> Path | None:
    """Where an earlier version wrote the report on this very file; None where it wrote none.

    Raises `FileError` where that cannot be read.
    """
    place = path.with_suffix(_REPORT)
    if not place.is_file() or Path(ExportReport.load(place).file).name != path.name:
        return None
    return place


def evidence_beside(path: Path) -> tuple[Path, Path]:
    """Where a verification's report and its picture of the worst difference lie."""
    return (
        path.with_name(f"{path.name}-verification.json"),
        path.with_name(f"{path.name}-difference.png"),
    )


def script_beside(path: Path) -> Path:
    """Where the script lies that builds an engine of an ONNX file."""
    return path.with_name(f"{path.stem}-build_engine.py")


def names_beside(path: Path) -> tuple[str, ...]:
    """What may be written beside an exported file."""
    tails = (beside(path, suffix) for suffix in sources())
    found = (report_beside(path), *evidence_beside(path), script_beside(path), *tails)
    return tuple(file.name for file in found)
