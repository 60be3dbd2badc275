"""What the words of a verb are understood by."""

from __future__ import annotations

from functools import reduce

from cyclopts import App

from fasterseg.cli import build_app
from fasterseg.verbs import Verb


def app_of(verb: Verb) -> App:
    """The application of a verb, below those of the words before its last one."""
    return reduce(lambda app, word: app[word], verb.words, build_app(verb))
