"""Random architectures: the same whoever asks, at their student's latency, trained as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small_spaces import PRICING, make_space, make_student

from fasterseg.cli import main
from fasterseg.commands.evaluate import evaluate
from fasterseg.commands.train import train
from fasterseg.config import ContenderSettings, Recipe
from fasterseg.datasets.labels import LabelSpace
from fasterseg.errors import FileError, UsageError
from fasterseg.latency.enumeration import specs_of
from fasterseg.latency.table import Entry, LatencyTable, Target
from fasterseg.network.bundle import ModelBundle, weights_digest
from fasterseg.runs import RunFolder
from fasterseg.searching.selecting.randoms import RandomName, random_architecture_of, sample_random
from fasterseg.searching.summaries.summary import ContenderSummary, SearchSummary
from fasterseg.space.architecture import Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options
from fasterseg.training.beginning import TrainingStart

SIZE = Size(32, 64)
SETTINGS = (
    "threads=1",
    "data.street={height: 32, width: 64, train: 4, val: 1, test: 2}",
    *(
        f"{role}={{steps: 2, batch_size: 2, precision: float32, "
        "augmentation: {crop_height: 32, crop_width: 64}}"
        for role in ("teacher", "student")
    ),
    "target={threads: 1, height: 32, width: 64}",
    "space={layers: 3, expansions: [1, 2], stem_expansions: [1], head_expansions: [1]}",
    "contenders=[{name: teacher, role: teacher, stem_expansion: 1, head_expansion: 1}, "
    "{name: student, role: student, stem_expansion: 1, head_expansion: 1}]",
    "budget=[4ms, 5ms]",
)
LATENCY_MS = {"student-4ms": 4.0, "student-5ms": 5.0}


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run whose search is done: a summary, and a table made of multiply-adds."""
    from fasterseg.console.options import Common
    from fasterseg.pipeline.opening import open_run

    recipe, run, _ = open_run(Common(run=tmp_path / "run", data="street", set=SETTINGS))
    geometry = Geometry(SIZE, 9)
    options = [Options.of(recipe.space, contender) for contender in recipe.contenders]
    LatencyTable(
        target=Target.of(recipe.target, geometry.classes),
        conditions={},
        entries={
            spec.key: Entry(median_ms=0.1 + spec.macs / 2.5e5, spread_ms=0.0, runs=1)
            for spec in specs_of(options, geometry)
        },
    ).save(run.latency_table)
    SearchSummary(
        contenders=tuple(
            ContenderSummary(name=name, role="student", derived_ms=ms, estimated_ms=ms)
            for name, ms in LATENCY_MS.items()
        )
    ).save(run.search_summary)
    return run


def price_of(run: RunFolder) -> Callable[[str], float]:
    table = LatencyTable.load(run.latency_table)

    def price(bundle: str) -> float:
        architecture = ModelBundle.load(Path(bundle)).description.architecture
        assert architecture is not None
        return table.estimate_ms(wire(architecture, Geometry(SIZE, 9)).timed_specs())

    return price


def test_a_sample_is_a_function_of_seed_student_and_number() -> None:
    student, other = make_student(name="one"), make_student(name="two")
    space = make_space(4)

    def sampled(who: ContenderSettings = student, number: int = 1, seed: int = 0) -> str:
        name, options = RandomName(who.name, number), Options.of(space, who)
        found = sample_random(name, options, PRICING, seed=seed, latency_ms=12.0)
        assert PRICING(found) == pytest.approx(12.0, rel=0.02)
        return found.digest()

    assert sampled() == sampled()
    changed = [
        sampled(number=2),
        sampled(who=other),
        sampled(seed=1),
    ]
    assert len({sampled(), *changed}) == 4


@pytest.mark.parametrize(
    "name", ["random:", "random::1", "random:a:0", "random:a:x", "random:a:1:2"]
)
def test_half_a_name_is_refused_with_a_whole_one(name: str) -> None:
    with pytest.raises(UsageError, match="cannot read") as caught:
        RandomName.parse(name)
    assert "random:" in caught.value.next_step
    assert RandomName.parse("student") is None
    assert RandomName.parse("random:a") == RandomName("a", 1)


def test_random_architectures_are_trained_alone_at_their_student_s_latency(run: RunFolder) -> None:
    found = train("random:student-4ms:1", "random:student-5ms:2", run=run.root).bundles
    assert list(found) == ["random-student-4ms-1", "random-student-5ms-2"]
    price = price_of(run)
    for (name, bundle), wanted in zip(found.items(), LATENCY_MS.values(), strict=True):
        assert price(bundle) == pytest.approx(wanted, rel=0.02)
        start = TrainingStart.load(run.training(name).began)
        assert (start.teacher, start.settings.distillation_weight, start.settings.steps) == (
            "",
            0,
            2,
        )
        assert run.architecture(name).is_file()
    report = evaluate(found["random-student-4ms-1"])
    assert Path(report.file) == run.score("random-student-4ms-1", "test", which="best")


def test_the_one_that_the_search_scored_is_the_one_that_is_trained(run: RunFolder) -> None:
    recipe, name = Recipe.load(run.recipe), RandomName("student-4ms", 3)
    other = random_architecture_of(recipe, run, RandomName("student-4ms", 4))
    other.save(run.architecture(name.file_name))
    assert random_architecture_of(recipe, run, name) == other


def test_a_teacher_teaches_a_random_architecture_when_it_is_asked_for(run: RunFolder) -> None:
    architecture = random_architecture_of(
        Recipe.load(run.recipe), run, RandomName("student-5ms", 1)
    )
    architecture.save(run.architecture("teacher"))
    train("teacher", run=run.root)
    asked = ("student.distillation_weight=1",)
    train("random:student-4ms:1", run=run.root, set=asked)
    start = TrainingStart.load(run.training("random-student-4ms-1").began)
    assert start.teacher == weights_digest(run.bundle("teacher"))
    named = str(run.bundle("teacher", "last"))
    train("random:student-4ms:2", run=run.root, teacher=named)
    start = TrainingStart.load(run.training("random-student-4ms-2").began)
    assert start.teacher == weights_digest(Path(named))


def test_a_teacher_that_nobody_learns_from_or_of_other_classes_is_refused(
    run: RunFolder, tmp_path: Path
) -> None:
    recipe = Recipe.load(run.recipe)
    random_architecture_of(recipe, run, RandomName("student-4ms", 1)).save(
        run.architecture("teacher")
    )
    best = Path(train("teacher", run=run.root).bundles["teacher"])
    for names in (("teacher",), ("baseline:fast-scnn",)):
        with pytest.raises(UsageError, match="nobody learns"):
            train(*names, run=run.root, teacher=str(best))
    whole = ModelBundle.load(best)
    live = ("student.distillation.answers=live",)
    for change, words, asked in (
        ({"label_space": LabelSpace.from_names([str(n) for n in range(9)])}, "know a class", ()),
        ({"mean": (0.0, 0.0, 0.0)}, "otherwise", live),
    ):
        card = whole.card.model_copy(update=change)
        foreign = replace(whole, card=card).save(tmp_path / words)
        with pytest.raises(UsageError, match=words):
            train("random:student-4ms:1", run=run.root, teacher=str(foreign), set=asked)


def test_an_unknown_student_and_a_search_that_is_not_done_are_told(run: RunFolder) -> None:
    with pytest.raises(UsageError, match="no student 'student'") as caught:
        train("random:student:1", run=run.root)
    assert "random:student-4ms:1" in caught.value.next_step
    run.search_summary.unlink()
    with pytest.raises(FileError, match="not known yet") as missing:
        train("random:student-4ms:1", run=run.root)
    assert "fasterseg search" in missing.value.next_step
    assert main(["train", "random:student-4ms:1", "--run", str(run.root)]) == 3
