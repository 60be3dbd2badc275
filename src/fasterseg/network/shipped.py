"""The students in the box: bundles inside the package, each called by its folder's name."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from fasterseg.network.card import Card
from fasterseg.paths import given
from fasterseg.runs import BundleFolder
from fasterseg.shown_text import as_shown

ROOT = Path(__file__).parents[1] / "models"
"""Where they lie; the tool beside them puts them there."""


def shipped_names() -> tuple[str, ...]:
    """The names of the bundles that this installation came with."""
    return tuple(sorted(path.parent.name for path in ROOT.glob("*/manifest.json")))


def is_shipped(model: Path | str) -> bool:
    """Whether a model's name stands for a shipped bundle; what lies here under it goes first."""
    return str(model) in shipped_names() and not given(model).exists()


def model_path(model: Path | str) -> Path:
    """Where a model lies: the folder of a shipped name, else the path that was named."""
    return ROOT / str(model) if is_shipped(model) else given(model)


def nearest_shipped(model: Path | str) -> str | None:
    """The shipped name that a misspelt one may have meant."""
    near = get_close_matches(str(model), shipped_names(), n=1)
    return near[0] if near else None


def shipped_card(name: str) -> Card:
    """The card of a shipped bundle."""
    return Card.load(BundleFolder(ROOT / name).card)


def say_terms_of(folder: Path) -> None:
    """Where a folder is a shipped bundle's, say once on stderr on which terms it may be used."""
    if folder.parent == ROOT:
        _say_terms(folder.name)


@cache
def _say_terms(name: str) -> None:
    facts = shipped_card(name).training
    terms = facts.terms or "not known"
    said = f"{name}: trained on {facts.data}; its terms hold for the weights: {terms}"
    print(as_shown(said), file=sys.stderr)
