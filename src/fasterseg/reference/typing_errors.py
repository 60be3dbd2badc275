"""Words that are one letter off: what a pattern of a schema refuses as a typing error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


def one_letter_off(words: Iterable[str]) -> str:
    """A regular expression of words with one letter too many, too few, wrong or in the wrong
    place."""
    known = {*words}
    return f"^(?!({'|'.join(sorted(known))})$)({'|'.join(dict.fromkeys(_mistyped(known)))})$"


def _mistyped(words: Iterable[str]) -> Iterator[str]:
    for word in sorted(words):
        letters = [*map(re.escape, word)]
        for place in range(len(letters) + 1):
            before, after = "".join(letters[:place]), "".join(letters[place:])
            yield f"{before}.{after}"
            if place < len(letters):
                yield f"{before}.?{''.join(letters[place + 1 :])}"
            if place + 1 < len(letters):
                swapped = letters[place + 1] + letters[place]
                yield f"{before}{swapped}{''.join(letters[place + 2 :])}"
