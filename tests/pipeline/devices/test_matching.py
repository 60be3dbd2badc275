"""The models of a run's budgets: measured once, kept beside the table, and then budgets."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up_search import RECIPE, scored_alike, search_job_in, unseen

from fasterseg.config import Recipe
from fasterseg.deploy.benchmark.measuring import NetworkLatency
from fasterseg.errors import UsageError
from fasterseg.events import silent
from fasterseg.latency.models import ModelComparison, ModelLatencies, ModelLatency
from fasterseg.latency.table import LatencyTable
from fasterseg.network.description import NetworkDescription
from fasterseg.pipeline.devices import matching
from fasterseg.pipeline.devices.matching import models_stage, require_models
from fasterseg.pipeline.stages.searching import search_stage
from fasterseg.runs import RunFolder
from fasterseg.searching.beginnings.beginning import MatchModel, SearchJob, agreed_start
from fasterseg.searching.beginnings.start import SearchStart
from fasterseg.searching.landing.measurements import Figures, KeptMeasurements
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.space.architecture import Architecture
from fasterseg.space.extremes import cheapest
from fasterseg.space.options import Options
from fasterseg.stages import Watch

FAST_SCNN = "baseline:fast-scnn"
DIGEST = NetworkDescription(classes=9, baseline="fast-scnn").digest()


def recipe_for(*budgets: str, promise: str = "median") -> Recipe:
    content = {**RECIPE.content(), "budget": list(budgets), "promise": promise}
    search = {**content["search"], "pretrain_steps": 1, "steps": 2}
    return Recipe.model_validate({**content, "search": search})


MATCHING = recipe_for(FAST_SCNN, f"2x:{FAST_SCNN}", "halfway")


class Timer:
    """Measures models for so many milliseconds, and counts how often it was asked."""

    def __init__(self, median_ms: float = 2.0, *, promise: str = "median") -> None:
        self.median_ms, self.promise = median_ms, promise
        self.asked: list[str] = []

    def __call__(self, model: str) -> ModelLatency:
        self.asked.append(model)
        return ModelLatency.model_validate(
            {
                "model": model,
                "digest": DIGEST if model == FAST_SCNN else "sha256:one",
                "median_ms": self.median_ms,
                "p95_ms": 1.1 * self.median_ms,
                "promise": self.promise,
                "windows": 4,
                "queries": 256,
                "steady_windows": 4,
            }
        )


def timed(job: SearchJob, timer: Timer, table: LatencyTable | None = None) -> ModelLatencies:
    return models_stage(job.recipe, job.run, table or job.table, show=unseen, measure=timer)


def test_each_model_is_measured_once_and_kept(tmp_path: Path) -> None:
    job, timer = search_job_in(tmp_path, recipe=MATCHING), Timer()
    found = timed(job, timer)
    assert timer.asked == [FAST_SCNN]
    assert found == timed(job, timer) == ModelLatencies.load(job.run.model_latencies)
    assert timer.asked == [FAST_SCNN]


def test_a_run_whose_budgets_are_numbers_measures_nothing(tmp_path: Path) -> None:
    job, timer = search_job_in(tmp_path), Timer()
    timed(job, timer)
    assert not timer.asked
    assert not job.run.model_latencies.exists()


def test_a_longer_promise_another_table_or_another_model_is_measured_anew(tmp_path: Path) -> None:
    job, timer = search_job_in(tmp_path, recipe=MATCHING), Timer()
    timed(job, timer)
    other = job.table.model_copy(update={"floor_ms": 0.5})
    timed(job, timer, other)
    assert len(timer.asked) == 2
    strict = search_job_in(tmp_path, recipe=recipe_for(FAST_SCNN, promise="p95"))
    long = Timer(promise="p95")
    timed(strict, long, other)
    timed(job, long, other)  # a 95th percentile's windows tell a median too
    assert len(long.asked) == 1
    known = ModelLatencies.load(job.run.model_latencies)
    changed = known.models[FAST_SCNN].model_copy(update={"digest": "sha256:another"})
    known.model_copy(update={"models": {FAST_SCNN: changed}}).save(job.run.model_latencies)
    timed(job, timer, other)
    assert len(timer.asked) == 3


def test_a_model_that_is_gone_stays_what_it_was_and_one_that_never_was_is_refused(
    tmp_path: Path,
) -> None:
    job = search_job_in(tmp_path / "run", recipe=recipe_for("./gone.onnx"))
    target = job.table.target
    with pytest.raises(UsageError, match=r"gone\.onnx"):
        require_models(job.recipe, job.run, target)
    timer = Timer()
    timed(job, timer)
    require_models(job.recipe, job.run, target)
    timed(job, timer)
    assert timer.asked == ["./gone.onnx"]


def test_its_time_is_the_budget_and_the_start_says_which_model_it_was(tmp_path: Path) -> None:
    job = search_job_in(tmp_path, recipe=MATCHING)
    timed(job, Timer(0.5 * sum(ends(job))))
    start = agreed_start(job, progress=silent)
    once = start.budgets_ms["student-fast-scnn"]
    assert once == pytest.approx(0.5 * sum(ends(job)))
    assert start.budgets_ms["student-2x-fast-scnn"] == 2 * once
    assert start.matched.keys() == {"student-fast-scnn", "student-2x-fast-scnn"}
    assert start.matched["student-fast-scnn"].startswith(f"as fast as {FAST_SCNN} (")


def ends(job: SearchJob) -> tuple[float, float]:
    """What the fastest and the slowest network of the students take."""
    plain = search_job_in(job.run.root / "plain", recipe=recipe_for("halfway"))
    start = agreed_start(plain, progress=silent)
    return start.fastest_ms["student"], start.slowest_ms["student"]


def test_another_time_is_refused_once_the_search_has_gone_by_the_first(tmp_path: Path) -> None:
    job = search_job_in(tmp_path, recipe=MATCHING)
    middle_ms = 0.5 * sum(ends(job))
    timed(job, Timer(middle_ms))
    agreed_start(job, progress=silent)
    (job.run.cosearch.checkpoints / "step-000000001").mkdir(parents=True)
    job.run.model_latencies.unlink()
    begun = search_job_in(tmp_path, recipe=MATCHING)
    timed(begun, Timer(1.1 * middle_ms))
    with pytest.raises(UsageError, match="the search differs") as caught:
        agreed_start(begun, progress=silent)
    assert "budgets_ms.student-fast-scnn" in caught.value.why


def test_the_summary_says_which_model_it_was_and_how_its_network_compares(tmp_path: Path) -> None:
    job = search_job_in(tmp_path, recipe=recipe_for(FAST_SCNN, "halfway"))
    timed(job, Timer(0.5 * sum(ends(job))))
    search_stage(job, Watch(tmp_path, unseen), scorers_of=scored_alike, random_subnets=0)
    found = SearchSummary.load(job.run.search_summary)
    student, plain = (found.contender(f"student-{one}") for one in ("fast-scnn", "halfway"))
    assert student is not None
    assert plain is not None
    assert student.against == ModelComparison(
        model="made-up", ratio=1.0, low=0.9, high=1.1, rounds=9, quiet_rounds=8
    )
    assert (plain.matched, plain.against) == ("", None)
    told = found.describe()
    assert f"ms, as fast as {FAST_SCNN} (" in told
    assert "takes 1.000 [0.900-1.100] times what made-up takes" in told
    timer = Timer()
    timed(job, timer, job.table.model_copy(update={"floor_ms": 0.5}))
    assert not timer.asked  # a finished search keeps what it was for


def test_a_start_of_before_budgets_could_be_models_is_read(tmp_path: Path) -> None:
    job = search_job_in(tmp_path)
    start = agreed_start(job, progress=silent)
    content = start.content()
    del content["matched"]
    assert SearchStart.model_validate(content) == start
    assert RunFolder(tmp_path).search_began.exists()


def comparing(ratio: float | None, asked: list[str]) -> MatchModel:
    def match(name: str, architecture: Architecture) -> ModelComparison:
        asked.append(name)
        return ModelComparison(model=FAST_SCNN, ratio=ratio, reason="" if ratio else "too noisy")

    return match


def test_networks_for_a_model_s_budget_are_measured_by_turns_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine has become slower since: what counts is the ratio, not what a clock tells now."""
    job, asked = search_job_in(tmp_path, recipe=MATCHING), list[str]()
    timed(job, Timer(8.0))
    monkeypatch.setattr(matching, "match_of", lambda *_: comparing(0.95, asked))
    beside = matching.measures_beside(
        job.recipe, job.run, job.table, alone=lambda _: Figures(99.0, 99.0)
    )
    assert beside.keys() == {"student-fast-scnn", "student-2x-fast-scnn"}
    network = cheapest(
        Options.of(job.recipe.space, job.students[0]), job.geometry, job.table.cost_ms
    )

    kept = KeptMeasurements(job.run.measured, lambda _: Figures(77.0, 77.0), beside=beside)

    found = kept.of("student-fast-scnn")(network)
    assert (found.median_ms, found.p95_ms) == (0.95 * 8.0, pytest.approx(0.95 * 8.8))
    assert asked == ["student-fast-scnn"]
    assert kept.of("student-halfway")(network).median_ms == 77.0, "its budget is a number"
    again = KeptMeasurements(job.run.measured, too_late, beside=dict.fromkeys(beside, too_late))
    assert again.of("student-fast-scnn")(network) == found


def too_late(_architecture: Architecture) -> Figures:
    raise AssertionError("it was measured before")


def test_where_no_ratio_can_be_told_a_network_is_measured_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = search_job_in(tmp_path, recipe=MATCHING)
    timed(job, Timer(8.0))
    monkeypatch.setattr(matching, "match_of", lambda *_: comparing(None, []))
    beside = matching.measures_beside(
        job.recipe, job.run, job.table, alone=lambda _: Figures(9.0, 9.5)
    )
    network = cheapest(
        Options.of(job.recipe.space, job.students[0]), job.geometry, job.table.cost_ms
    )
    assert beside["student-fast-scnn"](network) == Figures(9.0, 9.5)


def test_the_file_s_latency_is_told_at_the_pace_of_its_model(tmp_path: Path) -> None:
    job = search_job_in(tmp_path, recipe=MATCHING)
    timed(job, Timer(8.0))
    slow = NetworkLatency(9.0, 9.9, 7, 256, 5, 0.02, pace=1.02)
    against = ModelComparison(model=FAST_SCNN, ratio=0.95)
    found = matching.at_pace_of_model(slow, against, job.run)
    assert (found.median_ms, found.p95_ms) == (0.95 * 8.0, pytest.approx(0.95 * 8.8))
    assert found.median_ms * found.pace == pytest.approx(9.0 * 1.02), "by the clock as it was"
    for other in (None, ModelComparison(model=FAST_SCNN, reason="too noisy")):
        assert matching.at_pace_of_model(slow, other, job.run) is slow
