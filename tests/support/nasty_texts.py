"""Texts that act on a terminal, hide or turn around, and how they are shown."""

from __future__ import annotations

from fasterseg.terminal_text import as_shown

NASTY = {
    "colour": ("\x1b[31m", r"\x1b[31m"),
    "clear": ("\x1b[2J\x1b[H", r"\x1b[2J\x1b[H"),
    "title": ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
    "link": ("\x1b]8;;http://x\x1b\\y", r"\x1b]8;;http://x\x1b\y"),
    "clipboard": ("\x1b]52;c;eA==\x07", r"\x1b]52;c;eA==\x07"),
    "device": ("\x1bP0;1|17/ab\x1b\\", r"\x1bP0;1|17/ab\x1b\\"[:-1]),
    "c1 sequence": ("\x9b31m", r"\x9b31m"),
    "c1 command": ("\x9d0;owned\x9c", r"\x9d0;owned\x9c"),
    "next line": ("a\x85b", r"a\x85b"),
    "carriage return": ("safe\revil", r"safe\revil"),
    "backspace": ("evil\b\b\b\bsafe", r"evil\x08\x08\x08\x08safe"),
    "delete": ("a\x7f", r"a\x7f"),
    "bell": ("\a", r"\x07"),
    "null": ("a\0b", r"a\x00b"),
    "line": ("a\n  next:  rm", r"a\n  next:  rm"),
    "tab": ("a\tb", r"a\tb"),
    "vertical tab": ("a\vb", r"a\x0bb"),
    "form feed": ("a\fb", r"a\x0cb"),
    "override": ("\u202egpj.exe", r"\u202egpj.exe"),
    "isolate": ("\u2066a\u2069", r"\u2066a\u2069"),
    "mark": ("a\u200fb\u061c", r"a\u200fb\u061c"),
    "zero width": ("ro\u200bad", r"ro\u200bad"),
    "joiner": ("ro\u200dad\u200c", r"ro\u200dad\u200c"),
    "byte order": ("\ufeffroad", r"\ufeffroad"),
    "soft hyphen": ("ro\xadad", r"ro\xadad"),
    "line separator": ("a\u2028b", r"a\u2028b"),
    "paragraph separator": ("a\u2029b", r"a\u2029b"),
    "tag": ("road\U000e0041", r"road\U000e0041"),
    "filler": ("road\u3164", r"road\u3164"),
    "half a character": ("a\udc80", r"a\udc80"),
}


def acting(text: str) -> str:
    """The characters of a text that nothing of ours prints: all but lines of what can be seen."""
    return "".join(one for one in text if one != "\n" and as_shown(one) != one)
