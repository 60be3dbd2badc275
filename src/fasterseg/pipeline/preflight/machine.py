"""What is needed of the machine: device, target, runtime, and room on the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from importlib.util import find_spec
from itertools import chain

from fasterseg.checkpoints import KEPT_CHECKPOINTS
from fasterseg.config import ContenderSettings, Recipe, runtime_named
from fasterseg.config.uses import Use
from fasterseg.deploy.benchmark.matching import open_on_target
from fasterseg.deploy.benchmark.measuring import noise_image
from fasterseg.deploy.exporting.export import missing_extra
from fasterseg.deploy.runtimes.backends import open_backend
from fasterseg.deploy.runtimes.web_runtime import web_runtime
from fasterseg.errors import EnvironmentFault
from fasterseg.kit.graphs import network_graph
from fasterseg.kit.packing import require_packable
from fasterseg.latency.table import Target
from fasterseg.learning.machines import formats_of_others, machines_of
from fasterseg.learning.precision import choose_numerics
from fasterseg.pipeline.devices.matching import require_models
from fasterseg.pipeline.preflight.ahead import Ahead
from fasterseg.pipeline.preflight.networks import numbers_of, numbers_of_supernet
from fasterseg.pipeline.preflight.reach import require_near
from fasterseg.resources import free_disk_bytes
from fasterseg.runtime import select_device, threads_kept
from fasterseg.space.architecture import Architecture
from fasterseg.space.extremes import cheapest
from fasterseg.space.widest import options_of

BYTES_PER_NUMBER = 4
# Weights, momentum, average and best weights; besides, a finished training has three bundles.
COPIES_IN_CHECKPOINT, BUNDLES = 4, 3
# Weights and momentum: at most, where momentum is in full precision.
COPIES_IN_SEARCH = 2
READS_ITS_FILES = "onnxruntime"
"""What runs a file here that is for another host."""


def a_device(ahead: Ahead) -> None:
    """The device to compute on is there, and has the number formats that were asked for.

    Every rank has one of its own.
    """
    device = select_device(ahead.device)
    others = formats_of_others(machines_of(ahead.ranks, device))
    for training in ahead.trainings:
        choose_numerics(training.settings.precision, device, others=others)


def a_target(ahead: Ahead) -> None:
    """The target, its runtime and what exports for it are there."""
    classes = ahead.source.label_space.classes
    require_machine(ahead.recipe, classes=classes, device=ahead.device)


def models_to_match(ahead: Ahead) -> None:
    """The models that budgets name are there, and can be timed on the target."""
    target = Target.of(ahead.recipe.target, ahead.source.label_space.classes)
    require_models(ahead.recipe, ahead.run, target)


def an_export(ahead: Ahead) -> None:
    """The cheapest network is exported for the target and run; a table says it was before.

    For another host it is exported alone: this machine says nothing of what it takes there.

    Raises `BudgetError` where it takes far longer than a budget in milliseconds allows, or than the
    model of a budget does, which is exported for that too.
    """
    if Use.BLOCKS in ahead.made:
        return
    target = Target.of(ahead.recipe.target, ahead.source.label_space.classes)
    if not ahead.recipe.target.is_here:
        for _, architecture in _cheapest(ahead):
            network_graph(architecture, target)
        return
    image, backend = noise_image(ahead.geometry.size), open_backend(target)
    with threads_kept():
        models = {
            model: partial(open_on_target(model, target, backend).run, image)
            for model in ahead.recipe.models_to_match
        }
        for contender, architecture in _cheapest(ahead):
            session = backend.random_network(architecture, ahead.geometry)
            session.run(image)
            job = partial(session.run, image)
            require_near(ahead.recipe, contender, job, models=models)


def _cheapest(ahead: Ahead) -> Iterator[tuple[ContenderSettings, Architecture]]:
    """The first student, or contender, and its network with the fewest multiply-adds."""
    recipe = ahead.recipe
    for contender in (*recipe.students(), *recipe.members)[:1]:
        options = options_of(recipe.space, contender)
        yield contender, cheapest(options, ahead.geometry, lambda spec: spec.macs)


def room_for_a_search(ahead: Ahead) -> None:
    """There is room for all checkpoints of a search, its finalists' too, and for its supernet."""
    _require_room(ahead, _kept_by_search(ahead))


def room_for_trainings(ahead: Ahead) -> None:
    """There is room for all checkpoints and bundles that trainings will keep, and a search."""
    searched = _kept_by_search(ahead) if ahead.searched else ()
    _require_room(ahead, chain(searched, _kept_by_trainings(ahead)))


def _require_room(ahead: Ahead, kept: Iterable[int]) -> None:
    needed = BYTES_PER_NUMBER * sum(kept)
    free = free_disk_bytes(ahead.run.root)
    if free < needed:
        raise EnvironmentFault(
            "there is not enough room on the disk for what this run will keep",
            where=str(ahead.run.root),
            why=f"checkpoints and networks take about {needed / 1e6:.0f} MB, "
            f"{free / 1e6:.0f} MB are free",
            next_step="free some space, or choose a folder on another disk with --run",
        )


def _kept_by_search(ahead: Ahead) -> Iterator[int]:
    """How many numbers a search keeps that has not begun: both its stages', and what follows."""
    if Use.SUPERNET in ahead.made or not any(one.is_searched for one in ahead.recipe.contenders):
        return
    size = numbers_of_supernet(ahead)
    yield (2 * KEPT_CHECKPOINTS + 1) * COPIES_IN_SEARCH * size
    yield size if ahead.recipe.keeps_supernet else 0
    largest = max((numbers_of(ahead, one) for one in ahead.finalists), default=0)
    yield (KEPT_CHECKPOINTS + 1) * COPIES_IN_CHECKPOINT * largest


def _kept_by_trainings(ahead: Ahead) -> Iterator[int]:
    """How many numbers each training keeps, and the largest checkpoint beside those it replaces."""
    sizes = [numbers_of(ahead, training) for training in ahead.trainings]
    yield from ((KEPT_CHECKPOINTS * COPIES_IN_CHECKPOINT + BUNDLES) * size for size in sizes)
    yield COPIES_IN_CHECKPOINT * max(sizes, default=0)


def require_machine(recipe: Recipe, *, classes: int, device: str) -> None:
    """Raise `EnvironmentFault` where the device, the target or its runtime is not to be had.

    Asked before anything is computed, so that a long run does not end at its export.  Where the
    target is another host's, its runtime is; here files are verified and scored, and what runs in
    a browser is packed into kits.
    """
    select_device(device)
    needs = runtime_named(recipe.target.backend).needs
    if recipe.target.is_here:
        open_backend(Target.of(recipe.target, classes))
    else:
        require_packable(recipe.target)
        needs = (*needs, READS_ITS_FILES)
        if runtime_named(recipe.target.backend).is_web:
            web_runtime()  # its kits hold it
    for library in needs:
        if find_spec(library) is None:
            raise missing_extra(library)
