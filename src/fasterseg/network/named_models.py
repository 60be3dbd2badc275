"""Models by name: the bundles of the package fasterseg-models, each called by its folder's name.

That package holds data alone, under terms of its own, and may be absent.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fasterseg.network.card import Card
from fasterseg.paths import user_path
from fasterseg.stage_folders import BundleFolder
from fasterseg.terminal_text import as_shown

PACKAGE = "fasterseg_models"
INSTALL = "pip install fasterseg-models"


def models_folder() -> Path | None:
    """Where the bundles lie; None where the package of models is not installed."""
    found = find_spec(PACKAGE)
    return Path(found.origin).parent if found is not None and found.origin else None


def model_names() -> tuple[str, ...]:
    """The names of the bundles that are installed."""
    folder = models_folder()
    if folder is None:
        return ()
    return tuple(sorted(path.parent.name for path in folder.glob("*/manifest.json")))


def is_model_name(model: Path | str) -> bool:
    """Whether a model's name stands for a shipped bundle; what lies here under it goes first."""
    return str(model) in model_names() and not user_path(model).exists()


def bundle_card(model: Path | str) -> Card | None:
    """The card of the bundle that a model's name stands for; None where it is no such folder."""
    file = BundleFolder(model_path(model)).card
    return Card.load(file) if file.is_file() else None


def model_path(model: Path | str) -> Path:
    """Where a model lies: the folder of a model by name, else the path that was named."""
    return _folder_of(str(model)) if is_model_name(model) else user_path(model)


def _folder_of(name: str) -> Path:
    folder = models_folder()
    assert folder is not None  # there is a name
    return folder / name


def nearest_model_name(model: Path | str) -> str | None:
    """The name of a model that a misspelt one may have meant."""
    near = get_close_matches(str(model), model_names(), n=1)
    return near[0] if near else None


def told_of_names() -> str:
    """Which models there are by name, for a sentence on one that there is not."""
    names = ", ".join(model_names())
    if names:
        return f"those of the package fasterseg-models are {names}"
    return "the package fasterseg-models, which has models by name, is not installed"


def advice_on_names(otherwise: str) -> str:
    """What to do where a model's name is not known: the package first, where it is absent."""
    return otherwise if model_names() else f"{INSTALL}, or {otherwise}"


def named_card(name: str) -> Card:
    """The card of a shipped bundle."""
    return Card.load(BundleFolder(_folder_of(name)).card)


def say_terms_of(folder: Path) -> None:
    """Where a folder is a shipped bundle's, say once on stderr on which terms it may be used."""
    if folder.parent == models_folder():
        _say_terms(folder.name)


@cache
def _say_terms(name: str) -> None:
    facts = named_card(name).training
    terms = facts.terms or "not known"
    said = f"{name}: trained on {facts.data}; its terms hold for the weights: {terms}"
    print(as_shown(said), file=sys.stderr)
