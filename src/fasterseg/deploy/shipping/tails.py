"""What makes labels of a file's output where the file itself does not: named, written, checked."""

from __future__ import annotations

from pathlib import Path

from fasterseg.artifacts import digest_of_bytes, short_digest
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.shipping.verification_report import Check
from fasterseg.deploy.tail.beside import beside, sources
from fasterseg.durable import durable_write
from fasterseg.foreign.links import require_within
from fasterseg.foreign.opened_files import bytes_of

MOST_BYTES = 1 << 20
IN_THE_GRAPH = "in the graph"
LEFT_TO_DO = "arg max over the classes, which is left to whoever runs the file"
OF_EARLIER = "none lies beside it, as the file is of an earlier version: fasterseg has its own"


def write_tails(path: Path, card: ExportedCard) -> dict[str, str]:
    """Write what a card names beside a file; return the digests by the files' names."""
    for suffix in card.tail:
        durable_write(beside(path, suffix), sources()[suffix])
    return tail_files(path, card)


def tail_files(path: Path, card: ExportedCard) -> dict[str, str]:
    """The names of the tails that belong to a file, with their digests; none where it has none."""
    return {beside(path, one).name: card.tail[one] for one in sources() if one in card.tail}


def told_tail(output: str, files: dict[str, str]) -> str:
    """Where the tail of a file is that ends at an `output`, in words."""
    if output == "labels":
        return IN_THE_GRAPH
    if output == "logits":
        return LEFT_TO_DO
    named = " and ".join(f"{name} ({short_digest(digest)})" for name, digest in files.items())
    return f"beside it, {named}" if named else OF_EARLIER


def tail_check(path: Path, card: ExportedCard) -> Check:
    """Whether the tails beside a file are those that its card names; one may be missing.

    They are read and not run: labels are made by the tail of this package.
    """
    files = tail_files(path, card)
    require_within(path.parent, files, what="exported file's folder")
    found = {name: _digest_of(path.with_name(name)) for name in files}
    changed = [name for name, digest in found.items() if digest not in ("", files[name])]
    missing = [name for name, digest in found.items() if not digest]
    told = told_tail(card.output, files)
    if changed:
        told = f"not what belongs to this file: {' and '.join(changed)}"
    elif missing:
        told += f"; not here: {' and '.join(missing)}"
    allowed = "the digests on its card: export it again, or copy them again" if changed else ""
    return Check(name="tail", passed=not changed, found=told, allowed=allowed)


def _digest_of(path: Path) -> str:
    """The digest of a tail; empty where there is none."""
    try:
        return digest_of_bytes(bytes_of(path, most_bytes=MOST_BYTES))
    except OSError:
        return ""
