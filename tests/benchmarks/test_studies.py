"""Studies of trainings, at tiny sizes: whole, resumed, and from the results of another machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fasterseg import cli
from fasterseg.foreign.strict_yaml import load_yaml

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
NETWORKS = ROOT / "docs" / "studies" / "networks"
STUDENT, WIDE = str(NETWORKS / "street-student.json"), str(NETWORKS / "small-widest.json")
RECIPE: dict[str, Any] = {
    "threads": 1,
    "data": {"source": "street", "street": {"height": 32, "width": 64, "train": 4, "test": 2}},
    "target": {"height": 32, "width": 64},
    "space": {"preset": "small"},
    "training": {
        "batch_size": 2,
        "lr": 0.001,
        "precision": "float32",
        "augmentation": {"crop_height": 32, "crop_width": 32},
    },
    "student": {"steps": 2, "distillation_weight": 0},
}
RECIPE["data"]["street"]["val"] = 2


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A benchmark's module by its name; what it starts runs in this process."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.chdir(ROOT)
    commands: list[Sequence[str]] = []

    def run(words: Sequence[str], *, check: bool) -> None:
        assert list(words[:3]) == [sys.executable, "-m", "fasterseg"]
        commands.append(words[3:])
        assert cli.main(list(words[3:])) == 0

    def module(name: str) -> ModuleType:
        found = import_module(name)
        monkeypatch.setattr(subprocess, "run", run)
        found.__dict__["commands"] = commands
        return found

    return module


def plan_of(*, seeds: int = 2, **more: Any) -> dict[str, Any]:
    """A plan of one student, alone and from a teacher."""
    own = {"network": STUDENT, "seeds": seeds, "steps": 2}
    return {
        "title": "a tiny study",
        "recipe": RECIPE,
        "reference": "none",
        "reference_steps": 2,
        "split": "test",
        "teachers": {"wide": {"network": WIDE, "steps": 1}},
        "arms": {"none": own, "taught": {**own, "teacher": "wide"}},
        "compared": [["taught", "none"]],
        **more,
    }


PACE = {
    "none": {"ratio": 1.0, "seconds": [2.0]},
    "taught": {"ratio": 1.25, "seconds": [2.5], "asked_seconds": 20.0},
    "longer": {"ratio": 1.0, "seconds": [2.0]},
}


def test_equal_minutes_count_the_asking_of_a_teacher(benchmark: Any, tmp_path: Path) -> None:
    plans = benchmark("study_plans")
    taught = {"network": STUDENT, "teacher": "wide"}
    arms = {
        "none": {"network": STUDENT},
        "taught": taught,
        "fixed": {**taught, "steps": 100},
        "longer": {"network": STUDENT, "as_long_as": "fixed"},
    }
    plan = plans.Plan.model_validate(plan_of(arms=arms, reference_steps=100))
    study = plans.Study(plan, "", tmp_path)
    study.keep_pace({**PACE, "fixed": PACE["taught"]})
    assert study.steps("none") == 100
    assert study.steps("taught") == round((100 - 20 / 2) / 1.25)
    assert study.steps("longer") == round(100 * 1.25 + 20 / 2)


def test_a_plan_that_names_what_it_has_not_is_refused(benchmark: Any) -> None:
    plans = benchmark("study_plans")
    for more in ({"reference": "nobody"}, {"compared": [["none", "nobody"]]}, {"teachers": {}}):
        with pytest.raises(ValueError, match="no arm or teacher is called"):
            plans.Plan.model_validate(plan_of(**more))


def test_what_another_machine_kept_counts(benchmark: Any, tmp_path: Path) -> None:
    plans = benchmark("study_plans")
    plan, file = plans.Plan.model_validate(plan_of()), tmp_path / "results.json"
    first = plans.Study(plan, "", tmp_path / "first", file)
    first.keep("trainings", "none-0", {"score": 12.5})
    first.keep_pace(PACE)
    second = plans.Study(plan, "", tmp_path / "second", file)
    assert second.score("none", 0) == 12.5
    assert second.pace == PACE
    second.keep("trainings", "none-1", {"score": 13.5})
    kept = json.loads(file.read_text())
    assert kept["trainings"] == {"none-0": {"score": 12.5}, "none-1": {"score": 13.5}}
    assert kept["pace"] == PACE


def test_the_results_of_another_recipe_are_not_taken_for_a_study_s(
    benchmark: Any, tmp_path: Path
) -> None:
    plans = benchmark("study_plans")
    plan, file = plans.Plan.model_validate(plan_of()), tmp_path / "results.json"
    plans.Study(plan, "", tmp_path, file).keep("trainings", "none-0", {"score": 12.5})
    other = plans.Plan.model_validate(plan_of(recipe={**RECIPE, "threads": 2}))
    with pytest.raises(SystemExit, match="another study"):
        plans.Study(other, "", tmp_path / "elsewhere", file).score("none", 0)


@pytest.mark.parametrize(
    "name",
    ["teachers_street", "teachers_camvid", "unlabelled_street", "camvid_headline", "camvid_long"],
)
def test_a_plan_of_ours_is_one_and_so_is_every_recipe_of_it(name: str, benchmark: Any) -> None:
    plans = benchmark("study_plans")
    plan = benchmark("arms").plan_in(BENCHMARKS / f"{name}.yaml")
    study = plans.Study(plan, "", Path("nowhere"))
    for arm, own in plan.arms.items():
        assert study.recipe(arm, 0, steps=9).student.steps == 9
        assert own.network.startswith("baseline:") or Path(own.network).is_file()
    for teacher in plan.teachers.values():
        known = teacher.network.startswith("baseline:") or teacher.network == plans.SEARCHED
        assert known or Path(teacher.network).is_file()


def test_a_teacher_is_asked_by_a_training_of_one_step_whatever_the_warm_up(benchmark: Any) -> None:
    plans = benchmark("study_plans")
    study = plans.Study(
        benchmark("arms").plan_in(BENCHMARKS / "teachers_street.yaml"), "", Path("nowhere")
    )
    name = next(name for name, arm in study.plan.arms.items() if arm.teacher)
    assert study.recipe("none", 0).training_of("student").warmup == 50
    asked = study.recipe(name, 0, steps=1).training_of("student")
    assert (asked.steps, asked.warmup) == (1, 0), "its schedule would be refused"


def test_the_sweep_has_every_pair_and_then_one_change_of_the_best(benchmark: Any) -> None:
    sweep = benchmark("distillation_sweep")
    found = sweep.Sweep.model_validate(load_yaml(sweep.PLAN.read_text()))
    pairs = found.pairs()
    assert len(pairs) == 9
    assert sweep.DEFAULTS in pairs
    changed = found.changed("t2-w0.5")
    assert [*changed] == [f"t2-w0.5-{name}" for name in found.then]
    study = sweep.Study(found.plan({**pairs, **changed}), "", Path("nowhere"))
    settings = study.recipe("t2-w0.5-pairwise", 0).student
    assert (settings.distillation.temperature, settings.distillation_weight) == (2, 0.5)
    assert settings.distillation.pairwise_weight == 1
    assert study.recipe("none", 0).student.distillation_weight == 0


def test_images_without_labels_go_some_of_the_way(benchmark: Any, tmp_path: Path) -> None:
    plans, module = benchmark("study_plans"), benchmark("unlabelled_street")
    study = plans.Study(benchmark("arms").plan_in(module.PLAN), "", tmp_path)
    assert module.share_of_the_way(study) is None
    for arm, scores in {
        "labelled-100": (40.0, 42.0, 44.0),
        "unlabelled-900": (45.0, 47.0),
        "labelled-1000": (60.0, 62.0, 99.0),
    }.items():
        for seed, score in enumerate(scores):
            study.keep("trainings", f"{arm}-{seed}", {"score": score})
    assert module.share_of_the_way(study) == pytest.approx(25.0)  # by the two seeds that all have


def test_an_arm_learns_from_scenes_without_labels(benchmark: Any) -> None:
    plans, module = benchmark("study_plans"), benchmark("unlabelled_street")
    study = plans.Study(benchmark("arms").plan_in(module.PLAN), "", Path("nowhere"))
    scenes = {arm: study.recipe(arm, 0).data.street for arm in study.plan.arms}
    assert {arm: (one.train, one.unlabelled) for arm, one in scenes.items()} == {
        "labelled-100": (100, 0),
        "taught-100": (100, 0),
        "unlabelled-900": (100, 900),
        "labelled-1000": (1000, 0),
    }
    assert study.recipe("unlabelled-900", 0).student.distillation_weight == 1
    assert study.recipe("labelled-1000", 0).student.distillation_weight == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_study_is_taught_trained_scored_and_resumed(
    benchmark: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plans, arms = benchmark("study_plans"), benchmark("arms")
    plan, file = plans.Plan.model_validate(plan_of(seeds=1)), tmp_path / "results.json"
    study = plans.Study(plan, "", tmp_path / "work", file)
    chosen = list(arms.chosen_of(plan, (), None))
    arms.train_and_score(study, chosen)
    kept = json.loads(file.read_text())
    assert {*kept["trainings"]} == {"none-0", "taught-0"}
    assert [*kept["teachers"]] == ["wide-0"]
    taught, alone = kept["trainings"]["taught-0"], kept["trainings"]["none-0"]
    assert taught["asked_seconds"] > 0 == alone["asked_seconds"]
    assert taught["answer_bytes"] > 4 * 9 * 4 * 8 * 2 > alone["answer_bytes"]  # 4 maps of 4x8
    done = len(arms.commands)
    arms.train_and_score(study, chosen)
    elsewhere = plans.Study(plan, "", tmp_path / "elsewhere", file)
    arms.train_and_score(elsewhere, chosen)
    assert len(arms.commands) == done
    capsys.readouterr()
    arms.table(elsewhere, chosen)
    told = capsys.readouterr().out
    assert "taught - none: " in told
    assert "(1 seeds, paired)" in told


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_teachers_bring_is_told_by_how_far_they_are_ahead(
    benchmark: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = benchmark("teachers_street")
    longer = {"network": STUDENT, "seeds": 2, "as_long_as": "taught"}
    plan = plan_of()
    plan["arms"]["none-longer"] = longer
    (tmp_path / "plan.yaml").write_text(json.dumps(plan))
    words = ["--plan", str(tmp_path / "plan.yaml"), "--work", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", ["teachers_street.py", *words])
    module.main()
    told = capsys.readouterr().out
    head, rule, row = told.rstrip().splitlines()[-3:]
    assert head.startswith("| teacher | its score | ahead |")
    assert rule.startswith("| --- |")
    assert row.startswith("| taught | ")
    assert row.endswith("| 2 |")
    assert row.count("±") == 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_sweep_goes_on_from_its_best_pair(
    benchmark: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = benchmark("distillation_sweep")
    sweep = load_yaml(module.PLAN.read_text())
    sweep |= {"recipe": RECIPE, "student": STUDENT, "steps": 1, "seeds": 1}
    sweep |= {"teacher": {"network": WIDE, "steps": 1}, "temperatures": [1, 2], "weights": [1]}
    sweep["then"] = {"falling": ["student.distillation.schedule=falling"]}
    (tmp_path / "plan.yaml").write_text(json.dumps(sweep))
    words = ["--plan", str(tmp_path / "plan.yaml"), "--work", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", ["distillation_sweep.py", *words])
    module.main()
    told = capsys.readouterr().out
    arms = [line.split(" | ")[0].strip("| ") for line in told.splitlines() if "| t" in line]
    assert arms[:2] == ["t1-w1", "t2-w1"]
    assert arms[2] in ("t1-w1-falling", "t2-w1-falling")
