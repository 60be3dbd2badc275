"""The verb: what it asks for, what it keeps, what it says afterwards."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from fake_timings import recipe_of, timings_of
from PIL import Image

import fasterseg
from fasterseg.cli import main
from fasterseg.config import Recipe, SearchSpace, build_recipe
from fasterseg.errors import DataError, UsageError
from fasterseg.events import Progress, silent
from fasterseg.forecasting.forecast import RunForecast
from fasterseg.forecasting.timings import DataTiming, Part
from fasterseg.pipeline.opening import open_settled
from fasterseg.pipeline.planning import plan as planning
from fasterseg.pipeline.planning.plan import forecast_of, parts_of, take_timings
from fasterseg.pipeline.planning.probes.job import Job
from fasterseg.pipeline.planning.probing import probed
from fasterseg.runs import RunFolder
from fasterseg.stages import StageTimes

SPACE = SearchSpace(
    layers=3,
    operators=("skip", "conv"),
    expansions=(2, 4),
    stem_expansions=(2, 4),
    head_expansions=(2, 4),
)
TINY = Path(__file__).parents[1] / "pipeline" / "tiny.yaml"


class FakeProbes:
    """Answers jobs from made-up timings, and remembers them."""

    def __init__(self, recipe: Recipe) -> None:
        self.timings, _ = timings_of(recipe)
        self.jobs: list[Job] = []

    def __call__(self, kind: type[Part], job: Job, folder: Path, **_: object) -> Any:
        self.jobs.append(job)
        if job.kind != "training":
            return getattr(self.timings, job.kind)
        if job.role == "teacher":
            return self.timings.teacher
        first = sum(one.kind == "training" and one.role == "student" for one in self.jobs) == 1
        return self.timings.narrow if first else self.timings.wide


def timed(recipe: Recipe, folder: Path) -> tuple[FakeProbes, RunForecast]:
    """The jobs that a recipe's timing asks for, and the forecast that comes of them."""
    probes = FakeProbes(recipe)
    work, timings = take_timings(recipe, folder, device="cpu", progress=silent, take=probes)
    return probes, forecast_of(work, timings, memory=10**12, disk=10**12, seconds=1.0)


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verb with probes that answer at once."""

    def probed(kind: type[Part], job: Job, folder: Path, **_: object) -> Any:
        return probes.setdefault(job.recipe.digest(), FakeProbes(job.recipe))(kind, job, folder)

    probes: dict[str, FakeProbes] = {}
    monkeypatch.setattr(planning, "probed", probed)


def written(folder: Path, **changes: Any) -> Path:
    """The made-up recipe as a file, its space so small that it is soon looked through."""
    path = folder / "recipe.yaml"
    content = recipe_of(space=SPACE, **changes).content()
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_each_part_is_timed_once_and_students_learn_from_the_teacher(tmp_path: Path) -> None:
    probes, _ = timed(recipe_of(), tmp_path)
    assert [job.kind for job in probes.jobs] == [
        "data",
        "target",
        "search",
        "training",
        "answers",
        "training",
        "training",
        "delivery",
    ]
    assert parts_of(recipe_of()) == tuple(job.kind for job in probes.jobs)
    teacher, narrow, wide = (job for job in probes.jobs if job.kind == "training")
    assert (teacher.role, narrow.role, wide.role) == ("teacher", "student", "student")
    (answers,) = (job for job in probes.jobs if job.kind == "answers")
    assert teacher.taught_by is None
    assert answers.taught_by == teacher.architecture
    assert narrow.taught_by == wide.taught_by == teacher.architecture
    fastest, slowest = probes.timings.target.ends["student"]
    assert narrow.architecture == fastest.architecture
    assert wide.architecture == slowest.architecture


def test_a_teacher_alone_has_no_budget_and_no_students_to_time(tmp_path: Path) -> None:
    recipe = recipe_of(contenders=recipe_of().contenders[:1])
    probes, forecast = timed(recipe, tmp_path)
    assert [job.role for job in probes.jobs if job.kind == "training"] == ["teacher"]
    assert parts_of(recipe) == tuple(job.kind for job in probes.jobs)
    assert forecast.budgets == ()
    assert [s.name for s in forecast.stages if s.name.startswith("train/")] == ["train/teacher"]
    assert forecast.exit_code == 0


def test_a_display_says_which_part_is_timed_and_how_far_that_is(tmp_path: Path) -> None:
    recipe, told = recipe_of(), list[tuple[int, int, str]]()
    fakes = FakeProbes(recipe)

    def take(kind: type[Part], job: Job, folder: Path, *, progress: Progress) -> Any:
        if job.kind == "search":
            progress(1, 4, "pre-training, 3 steps")
            progress(3, 4, "a look at the budget")
        return fakes(kind, job, folder)

    take_timings(
        recipe, tmp_path, device="cpu", progress=lambda *all_: told.append(all_), take=take
    )
    done = [one for one, _, _ in told]
    assert done == sorted(done)
    assert told[0] == (0, told[0][1], "part 1 of 8: data")
    assert told[-1][:2] == (told[0][1], told[0][1])
    inside = [one for one in told if "part 3 of 8: search, " in one[2]]
    assert [note for _, _, note in inside] == [
        "part 3 of 8: search, pre-training, 3 steps",
        "part 3 of 8: search, a look at the budget",
    ]
    assert inside[0][0] < inside[1][0]


def test_the_command_prints_the_table_and_keeps_the_forecast(
    faked: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    code = main(["plan", "--recipe", str(written(tmp_path)), "--run", str(run)])
    assert code == 0
    out = capsys.readouterr().out
    kept = RunForecast.load(RunFolder(run).forecast)
    assert out.strip() == kept.describe()
    assert not (run / "recipe.json").exists(), "a plan leaves the recipe open"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 0),
        (("--budget", "3.5ms"), 5),
        (("--memory", "1"), 4),
        (("--hours", "0.1"), 0),
        (("--hours", "-1"), 2),
    ],
)
def test_exit_codes(faked: None, tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    assert main(["plan", "--recipe", str(written(tmp_path)), *words]) == code


def test_json_is_the_forecast_itself(
    faked: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["plan", "--recipe", str(written(tmp_path)), "--json", "--hours", "0.1"])
    found = RunForecast.model_validate_json(capsys.readouterr().out)
    assert found.hours_wanted == 0.1
    assert found.proposals


def test_a_run_that_has_begun_shows_forecast_and_actual(
    faked: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, recipe = tmp_path / "run", str(written(tmp_path))
    first = fasterseg.plan(recipe=recipe, run=run)
    assert isinstance(first, RunForecast)
    profile = next(stage for stage in first.stages if stage.name == "profile")
    times = StageTimes().adding("profile", 2 * 3600 * profile.hours, finished=True)
    times.save(RunFolder(run).times)
    assert main(["plan", "--run", str(run), "--recipe", recipe]) == 0
    out = capsys.readouterr().out
    (row,) = [line for line in out.splitlines() if line.startswith("profile ")]
    assert "2.00" in row.split()
    assert "note:" not in out
    main(["plan", "--run", str(run), "--recipe", recipe, "--set", "student.steps=7"])
    assert "another recipe" in capsys.readouterr().out
    assert RunForecast.load(RunFolder(run).forecast) == first


def test_what_the_run_will_lack_is_told_before_anything_is_timed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(planning, "probed", None)
    with pytest.raises(DataError, match="no split 'tets'"):
        fasterseg.plan(recipe=written(tmp_path), set=("data.test_split=tets",))


@pytest.mark.slow  # as the next test, which starts a process too
def test_a_failure_in_a_timing_is_raised_as_it_was_there(tmp_path: Path) -> None:
    recipe = Recipe.model_validate({"data": {"source": str(tmp_path / "nothing")}})
    job = Job(kind="data", recipe=recipe, device="cpu", seconds=0.0)
    with pytest.raises((DataError, UsageError)) as caught:
        probed(DataTiming, job, tmp_path / "probe")
    assert "nothing" in str(caught.value)


def test_an_image_that_is_cut_short_is_told_by_the_process_that_times_the_data(
    tmp_path: Path,
) -> None:
    for name in ("images/train/a.png", "masks/train/a.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / name)
    broken = tmp_path / "images" / "train" / "a.png"
    broken.write_bytes(broken.read_bytes()[:-8])
    (tmp_path / "data.yaml").write_text("train: images/train\nnames: [a, b, c]\n")
    recipe = Recipe.model_validate({"data": {"source": str(tmp_path)}})
    job = Job(kind="data", recipe=recipe, device="cpu", seconds=0.0)
    with pytest.raises(DataError, match="an image that is cut short") as caught:
        probed(DataTiming, job, tmp_path / "probe")
    assert caught.value.where == "images/train/a.png"


@pytest.mark.parametrize(
    ("promise", "told"),
    [("median", "budget 10.00 ms (median)"), ("p95", "budget 11.00 ms (p95)")],
)
def test_a_budget_that_is_a_model_is_what_was_measured_of_it(
    promise: str, told: str, tmp_path: Path
) -> None:
    recipe = recipe_of(budget="2x:baseline:fast-scnn", promise=promise)
    _, forecast = timed(recipe, tmp_path)
    wanted = f"{told}, 2 times what baseline:fast-scnn takes: reachable"
    assert wanted in forecast.describe()


def test_the_data_is_timed_in_a_process_of_its_own(tmp_path: Path) -> None:
    recipe, _ = open_settled(build_recipe(TINY))
    found = probed(
        DataTiming, Job(kind="data", recipe=recipe, device="cpu", seconds=0.0), tmp_path / "probe"
    )
    assert (found.train, found.val, found.test, found.checked) == (8, 2, 2, 12)
    assert found.check_seconds > 0
    assert found.peak_bytes > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_tiny_recipe_is_planned_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "STEP_SECONDS", {})
    recipe, _ = open_settled(build_recipe(TINY))
    work, timings = take_timings(recipe, tmp_path, device="cpu", progress=silent, take=probed)
    forecast = forecast_of(work, timings, memory=10**12, disk=10**12, seconds=1.0)
    assert forecast.exit_code == 0
    (budget,) = forecast.budgets
    low, high = budget.ends
    assert 0 < low.median_ms < 1000
    assert high.macs > low.macs
    assert all(stage.hours > 0 for stage in forecast.stages)
    assert all(stage.memory_bytes > 50e6 for stage in forecast.stages)
    forecast.save(tmp_path / "forecast.json")
    assert RunForecast.load(tmp_path / "forecast.json") == forecast


def test_a_plan_that_is_stopped_before_it_times_anything_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("fasterseg.pipeline.planning.plan.require", interrupted)
    assert main(["plan", "--recipe", str(TINY), "--run", str(tmp_path / "run")]) == 7
    assert "stopped by SIGTERM" in capsys.readouterr().err


def test_a_plan_for_several_processes_times_what_one_of_them_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs: list[Job] = []
    recipe = written(tmp_path, student={"batch_size": 6, "steps": 100}, threads=0)
    probes = FakeProbes(recipe_of(space=SPACE))

    def probed(kind: type[Part], job: Job, folder: Path, **_: object) -> Any:
        jobs.append(job)
        return probes(kind, job, folder)

    monkeypatch.setattr(planning, "probed", probed)
    assert main(["plan", "--recipe", str(recipe), "--processes", "3"]) == 0
    assert {job.recipe.student.batch_size for job in jobs} == {2}
    assert {job.recipe.threads for job in jobs} != {0}
    assert "3 processes share" in capsys.readouterr().out
    assert main(["plan", "--recipe", str(recipe), "--processes", "7"]) == 2
    assert "images cannot be shared by 7 processes" in capsys.readouterr().err


def test_a_teacher_that_is_a_baseline_is_timed_itself_and_counted(tmp_path: Path) -> None:
    small = {"name": "student", "role": "student"}
    tutor = {"name": "tutor", "role": "teacher", "architecture": "baseline:efficientnet-lite0"}
    recipe = recipe_of(contenders=[tutor, small])
    probes, forecast = timed(recipe, tmp_path)
    teacher, narrow, wide = (job for job in probes.jobs if job.kind == "training")
    assert (teacher.baseline, teacher.architecture) == ("efficientnet-lite0", None)
    assert narrow.taught_by_baseline == wide.taught_by_baseline == "efficientnet-lite0"
    assert (narrow.taught_by, narrow.baseline) == (None, "")
    trained = [s.name for s in forecast.stages if s.name.startswith("train/")]
    assert trained == ["train/tutor", "train/answers/student", "train/student"]
    assert [budget.student for budget in forecast.budgets] == ["student"]
