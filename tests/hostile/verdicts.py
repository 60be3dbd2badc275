"""What became of a case, judged: right, refused as it should be, or one of eight faults."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from typing import Any

from case import SECRET, HostileFile
from server import Seen

MOST_S = 2.0
MOST_BYTES = 400_000_000
MOST_LINES = 12
"""A refusal has four parts; a note or a warning may stand before it."""
LONGEST_LINE = 1200

RIGHT, REFUSED = "right", "refused"
FAULTS = (
    *("executed", "outside", "bug", "crash", "slow", "big", "escape", "told badly", "wrong code"),
    "taken",
)
"""From the gravest: `taken` is what ought to have been refused and was not."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an honest case of a verb takes."""

    cpu_s: float = 0.0
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word for what became of a case, and the reason for it."""

    word: str
    why: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether this must not be."""
        return self.word in FAULTS


def judge(seen: Seen, file: HostileFile, honest: Cost) -> Verdict:
    """The gravest of what is to be said of a case."""
    for kind in ("executed", "outside"):
        if whats := [what for found, what in seen.finds if found == kind]:
            return Verdict(kind, "; ".join(whats[:3]))
    return _ended(seen, honest) or _told(seen) or _outcome(seen, file)


def _ended(seen: Seen, honest: Cost) -> Verdict | None:
    """What it cost, and how it ended if that was not by itself."""
    spent = seen.cpu_s - honest.cpu_s
    if seen.ended.startswith("signal"):
        return Verdict("crash", seen.ended)
    if seen.code is None:
        return Verdict("slow", f"{seen.ended}, after {seen.cpu_s:.1f} s of processor")
    more = seen.peak_bytes - honest.peak_bytes
    if more > MOST_BYTES:
        return Verdict("big", f"{more / 1e6:.0f} MB more than an honest case")
    if spent > MOST_S:
        return Verdict("slow", f"{spent:.1f} s of processor more than an honest case")
    return None


def _told(seen: Seen) -> Verdict | None:
    """What it said, whatever came of it."""
    text = seen.out + seen.error
    if "Traceback (most recent call last)" in text or 'File "' in seen.error:
        return Verdict("bug", f"a trace: {_last(seen.error)}")
    if "bug in fasterseg" in text or seen.code == 1:
        return Verdict("bug", _why(seen.error))
    if SECRET in text:
        return Verdict("outside", "it printed what lies outside")
    if found := unprintable(text):
        return Verdict("escape", f"printed raw: {found!r}")
    return None


def _outcome(seen: Seen, file: HostileFile) -> Verdict:
    """Right or refused, as it ought to be."""
    if seen.code == 0:
        if file.expect == "refused":
            return Verdict("taken", "nothing was said against it")
        return Verdict(RIGHT)
    if file.expect == "right":
        return Verdict("wrong code", f"refused: {_why(seen.error)}")
    if seen.code not in file.codes:
        return Verdict("wrong code", f"exit code {seen.code}: {_why(seen.error)}")
    if reason := told_badly(seen):
        return Verdict("told badly", reason)
    return Verdict(REFUSED)


def told_badly(seen: Seen) -> str:
    """What is wrong with how a refusal is told; nothing where it is one sentence in four parts."""
    lines = seen.error.rstrip("\n").splitlines()
    if seen.code in (3, 6) and seen.out.strip() and "  why:   " not in seen.error:
        return ""  # a report of all faults, or of the pictures that could not be read
    if events := [_event(line) for line in lines if line.startswith('{"event": "error"')]:
        parts = events[-1]
        whole = all(parts.get(part) for part in ("what", "where", "next"))
        return "" if whole and "\n" not in str(parts["what"]) else f"a part is missing: {parts}"
    if len(lines) > MOST_LINES:
        return f"{len(lines)} lines on standard error"
    if lines and max(map(len, lines)) > LONGEST_LINE:
        return f"a line of {max(map(len, lines))} letters"
    parts = [line[:9] for line in lines if line.startswith("  ")]
    if "  where: " not in parts or "  next:  " not in parts:
        return f"not in four parts: {' | '.join(lines[-4:])[:300]}"
    return ""


def _event(line: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return found


def unprintable(text: str) -> str:
    """The first letters of a text that a terminal would obey rather than show."""
    for letter in text:
        if letter in "\n\t":
            continue
        if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in _TURNS:
            at = text.index(letter)
            return text[max(0, at - 10) : at + 10]
    return ""


_TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
"""Letters that turn the direction of others around."""


def _why(error: str) -> str:
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("where:", "why:"))]
    return " | ".join([*lines[:1], *told])[:400]


def _last(error: str) -> str:
    lines = [line for line in error.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
