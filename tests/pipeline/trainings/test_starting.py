"""Trainings of a run that begin with its supernet: which may, and which are refused before."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest
import torch
from made_up_search import COUNTS, CPU, HEIGHT, RECIPE, WIDTH, search_in

from fasterseg.artifacts import digest_of_file
from fasterseg.config import Recipe
from fasterseg.datasets.street import StreetScenes
from fasterseg.errors import FastersegError, FileError, UsageError
from fasterseg.network.bundle import ModelBundle
from fasterseg.pipeline.preflight.ahead import Ahead, Trained
from fasterseg.pipeline.preflight.starts import weights_to_start_with
from fasterseg.pipeline.stages.trainer import Trainer
from fasterseg.pipeline.trainings.starting import supernet_start
from fasterseg.pipeline.trainings.trainees import SplitNames
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.kept_supernet import KeptSupernet
from fasterseg.space.architecture import Architecture
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture
from fasterseg.tensors import load_tensors, save_tensors
from fasterseg.training.beginning import TrainingStart

SOURCE = StreetScenes(size=(HEIGHT, WIDTH), counts=COUNTS)
TRAINED = {
    "start": "supernet",
    "steps": 2,
    "batch_size": 2,
    "precision": "float32",
    "distillation_weight": 0.0,
    "augmentation": {"crop_height": 32, "crop_width": 32},
}


def begun_recipe(**space: object) -> Recipe:
    content = RECIPE.content()
    space = {**content["space"], **space}
    return Recipe.model_validate({**content, "space": space, "training": TRAINED})


RECIPE_BEGUN = begun_recipe()
SHORT = RECIPE.model_copy(
    update={"search": RECIPE.search.model_copy(update={"pretrain_steps": 2, "steps": 2})}
)
# As the contenders of the recipe may take it, but wider than its supernet.
WIDER = begun_recipe(expansions=[1, 3])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    root = tmp_path_factory.mktemp("run")
    search_in(root, recipe=SHORT)
    return RunFolder(root)


def an_architecture(recipe: Recipe, name: str = "student") -> Architecture:
    contender = next(one for one in recipe.contenders if one.name == name)
    return random_architecture(Options.of(recipe.space, contender), Random(3))


def ahead_of(run: RunFolder, *, recipe: Recipe = RECIPE_BEGUN, **trained: object) -> Ahead:
    return Ahead.of(recipe, run, SOURCE, trained=Trained(**trained))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["student", "teacher"])
def test_students_and_teachers_begin_with_their_slices_and_the_start_says_so(
    name: str, run: RunFolder, tmp_path: Path
) -> None:
    contender = next(one for one in RECIPE_BEGUN.contenders if one.name == name)
    architecture = Architecture.load(run.architecture(name))
    weights_to_start_with(ahead_of(run))
    best = Trainer(RECIPE_BEGUN, run, SOURCE, "cpu").contender(contender, architecture)
    digest = digest_of_file(run.supernet.weights)
    assert TrainingStart.load(run.training(name).began).supernet == digest
    facts = ModelBundle.load(best).card.training.supernet
    assert facts is not None
    assert (facts.digest, facts.split, facts.steps) == (digest, "train", 4)


def test_any_architecture_that_a_contender_may_take_can_begin(run: RunFolder) -> None:
    for seed in range(5):
        options = Options.of(RECIPE_BEGUN.space, RECIPE_BEGUN.students()[0])
        one = random_architecture(options, Random(seed))
        start = supernet_start(
            RECIPE_BEGUN, run, one, classes=9, name="random-student-1", owner="student", device=CPU
        )
        images = [torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))] * 4
        state = start.calibrated(images).state_dict()
        assert all(bool(torch.isfinite(tensor).all()) for tensor in state.values())


def test_the_slices_of_a_supernet_with_all_heads_are_the_contenders_own(tmp_path: Path) -> None:
    """Its networks' auxiliary heads, which it does not hold, are fresh: the same ones each time."""
    published = {"pretrain_steps": 2, "steps": 2, "heads": "all", "shared": "cells"}
    content = begun_recipe(branches=[[16, 8], [16]]).content()
    recipe = Recipe.model_validate({**content, "search": {**content["search"], **published}})
    search_in(tmp_path, recipe=recipe)
    run = RunFolder(tmp_path)
    weights_to_start_with(ahead_of(run, recipe=recipe))
    student = next(one for one in recipe.contenders if one.name == "student")
    architecture = Architecture.load(run.architecture("student"))
    states = []
    for owner in ("student", "student", "teacher"):
        start = supernet_start(
            recipe, run, architecture, classes=9, name="one", owner=owner, device=CPU
        )
        images = [torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))] * 4
        states.append(start.calibrated(images).state_dict())
    first, again, others = states
    assert all(torch.equal(one, again[name]) for name, one in first.items())
    measured = ("running_mean", "running_var", "num_batches_tracked")
    other = {n for n, one in first.items() if not torch.equal(one, others[n])}
    learnt = {name for name in other if not name.endswith(measured)}
    parts = {name.removeprefix("blocks.").partition("_")[0].partition(".")[0] for name in learnt}
    assert parts == {"stem", "fusion", "head"}
    kept = load_tensors(run.supernet.weights)
    assert any(name.startswith("blocks.student/stem_0") for name in kept)
    best = Trainer(recipe, run, SOURCE, "cpu").contender(student, architecture)
    assert ModelBundle.load(best).card.training.supernet is not None


def test_a_teacher_that_was_not_searched_has_no_weights_where_the_cells_alone_are_shared(
    tmp_path: Path,
) -> None:
    content = begun_recipe().content()
    (teacher, student) = content["contenders"]
    contenders = [{**teacher, "architecture": "widest"}, student, {**student, "name": "other"}]
    search = {**content["search"], "shared": "cells"}
    recipe = Recipe.model_validate({**content, "contenders": contenders, "search": search})
    error = refused(ahead_of(RunFolder(tmp_path), recipe=recipe))
    assert "has no weights for teacher" in error.what


def refused(ahead: Ahead) -> FastersegError:
    with pytest.raises((UsageError, FileError)) as caught:
        weights_to_start_with(ahead)
    assert caught.value.why
    assert "start=fresh" in caught.value.next_step
    return caught.value


def test_a_baseline_is_refused(run: RunFolder) -> None:
    error = refused(ahead_of(run, names=SplitNames((), ("fast-scnn",), ()), searched=False))
    assert error.what == "baseline:fast-scnn cannot begin with the run's supernet"
    with pytest.raises(UsageError, match="cannot begin"):
        Trainer(RECIPE_BEGUN, run, SOURCE, "cpu").baseline("fast-scnn")


def test_an_architecture_of_another_space_is_refused(run: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(run.supernet.root, RunFolder(tmp_path).supernet.root)
    run = RunFolder(tmp_path)  # with nothing trained in it
    file = an_architecture(WIDER).save(tmp_path / "wide.json")
    names = SplitNames(("student",), (), ())
    error = refused(ahead_of(run, names=names, architecture=file, searched=False))
    assert "does not hold the architecture of student" in error.what
    inside = an_architecture(RECIPE_BEGUN).save(tmp_path / "inside.json")
    weights_to_start_with(ahead_of(run, names=names, architecture=inside, searched=False))


def test_a_run_that_has_not_searched_has_none_unless_it_searches_on_the_way(
    tmp_path: Path,
) -> None:
    run = RunFolder(tmp_path)
    weights_to_start_with(ahead_of(run))
    file = an_architecture(RECIPE_BEGUN).save(tmp_path / "one.json")
    names = SplitNames(("student",), (), ())
    error = refused(ahead_of(run, names=names, architecture=file, searched=False))
    assert error.next_step.startswith("fasterseg search --run")


def test_a_search_whose_checkpoints_are_gone_is_told_apart(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.search.mkdir()
    run.search_summary.write_text("what it came to")
    assert "its search's checkpoints are gone" in refused(ahead_of(run)).why


def test_fresh_trainings_ask_for_nothing(tmp_path: Path) -> None:
    file = an_architecture(RECIPE).save(tmp_path / "one.json")
    names = SplitNames(("student",), ("fast-scnn",), ())
    weights_to_start_with(
        ahead_of(RunFolder(tmp_path), recipe=RECIPE, names=names, architecture=file, searched=False)
    )


def test_a_kept_supernet_of_other_shapes_is_refused_in_a_sentence(
    run: RunFolder, tmp_path: Path
) -> None:
    other = RunFolder(tmp_path / "run")
    shutil.copytree(run.root, other.root)
    architecture = Architecture.load(other.architecture("student"))
    classes, device = SOURCE.label_space.classes, torch.device("cpu")
    start = supernet_start(
        RECIPE_BEGUN,
        other,
        architecture,
        classes=classes,
        name="student",
        owner="student",
        device=device,
    )
    facts = KeptSupernet.load(other.supernet.facts)
    save_tensors(other.supernet.weights, {"weight": torch.zeros(3)})
    digest = digest_of_file(other.supernet.weights)
    facts.model_copy(update={"weights_digest": digest}).save(other.supernet.facts)
    with pytest.raises(FileError, match="another than this recipe's"):
        start.calibrated([])
