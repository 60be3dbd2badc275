"""What a training begins with where that is not random: the slices of the run's own supernet."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from fasterseg.config import Recipe
from fasterseg.errors import FileError, UsageError
from fasterseg.network.card import SupernetFacts
from fasterseg.network.network import Network
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.kept_supernet import (
    is_supernet_there,
    keep_supernet,
    kept_weights,
)
from fasterseg.searching.search import supernet_of
from fasterseg.space.architecture import Architecture
from fasterseg.space.search_space import Role
from fasterseg.space.widest import options_of
from fasterseg.supernet.calibrating import recalibrate
from fasterseg.supernet.supernet import Supernet
from fasterseg.training.task import SupernetStart

FRESH = (
    "or begin fresh: --set student.start=fresh --set teacher.start=fresh, in a new run where one "
    "was trained already"
)


def supernet_start(
    recipe: Recipe,
    run: RunFolder,
    architecture: Architecture,
    *,
    classes: int,
    name: str,
    owner: str,
    device: torch.device,
) -> SupernetStart:
    """The start of a network's training with the slices of the run's supernet, on a device.

    Where contenders have blocks of their own there, they are the `owner`'s.  The supernet is loaded
    where these are cut out, and not held longer.  Raises as
    `require_supernet` and `require_member` do.
    """
    require_supernet(run, name=name)
    kept = keep_supernet(run, split=recipe.data.train_split, classes=classes)
    require_member(recipe, architecture, classes=classes, name=name, owner=owner)
    facts = SupernetFacts(
        digest=kept.weights_digest,
        data=kept.data,
        data_digest=kept.data_digest,
        split=kept.split,
        images=kept.images,
        steps=kept.steps,
    )

    def calibrated(images: Iterable[Tensor]) -> nn.Module:
        supernet = built_supernet(recipe, classes=classes)
        try:
            supernet.load_state_dict(kept_weights(run.supernet))
        except RuntimeError as error:
            raise FileError(
                "the supernet that is kept is another than this recipe's",
                where=str(run.supernet.weights),
                why="its weights have other names or shapes",
                next_step=f"restore the run's folder from a backup, {FRESH}",
            ) from error
        network = supernet.to(device).subnet(architecture, Network, owner=owner)
        recalibrate(network, images, must_settle=False)
        return network

    return SupernetStart(facts, calibrated, recipe.search.calibration_batches)


def built_supernet(recipe: Recipe, *, classes: int) -> Supernet:
    """The supernet of a recipe's search, with weights that mean nothing."""
    searched = [one for one in recipe.contenders if one.is_searched]
    options = {one.name: options_of(recipe.space, one) for one in searched}
    return supernet_of(recipe.space, recipe.search, options, classes=classes)


def require_supernet(run: RunFolder, *, name: str) -> None:
    """Raise `FileError` where there is nothing of a supernet that a training could begin with."""
    if is_supernet_there(run):
        return
    searched = run.search_summary.is_file()
    why = "its search's checkpoints are gone" if searched else "it has not searched to the end"
    again = "fasterseg search in a new run" if searched else f"fasterseg search --run {run.root}"
    raise FileError(
        f"there is no supernet in this run that the training of {name} could begin with",
        where=str(run.supernet.facts),
        why=f"the recipe says start: supernet, and of this run {why}",
        next_step=f"{again}, {FRESH}",
    )


def require_part(recipe: Recipe, name: str, *, owner: str) -> None:
    """Raise `UsageError` for a network of a contender that has no part in the run's supernet."""
    searched = [one.name for one in recipe.contenders if one.is_searched]
    if recipe.search.shared == "cells" and owner not in searched:
        raise UsageError(
            f"the run's supernet has no weights for {name}",
            where="search.shared: cells",
            why="contenders share the cells alone there, and this one was not searched: it has no "
            "stem, fusion and heads of its own",
            next_step=f"search with --set search.shared=all, {FRESH}",
        )


def require_member(
    recipe: Recipe, architecture: Architecture, *, classes: int, name: str, owner: str
) -> None:
    """Raise `UsageError` for an architecture that the supernet does not hold for its owner."""
    with torch.device("meta"):
        supernet = built_supernet(recipe, classes=classes)
    if not supernet.holds(architecture, Network, owner=owner):
        raise UsageError(
            f"the run's supernet does not hold the architecture of {name}",
            where=f"architecture {architecture.digest()}",
            why="it has a block or a width that no contender of this recipe may take, so there "
            "are no weights to begin with",
            next_step=f"name an architecture of the recipe's space, {FRESH}",
        )


def refuse_baseline(name: str, *, role: Role) -> None:
    """Raise `UsageError` for a baseline that is to begin with a supernet's slices: it has none."""
    raise UsageError(
        f"baseline:{name} cannot begin with the run's supernet",
        where=f"{role}.start: supernet",
        why=f"a baseline is trained as the {role}s are, and no supernet holds it",
        next_step=f"--set {role}.start=fresh"
        + ("; train it in a run of its own: another --run" if role == "student" else ""),
    )
