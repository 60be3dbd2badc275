"""The benchmark: enough of everything, figures from the windows that count, refusals, the audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from noisy_machine import NoisyMachine, Work, canary, quiet_machine

from fasterseg.deploy.benchmark.alternating import AlternationSettings
from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport, MachineState
from fasterseg.deploy.benchmark.benchmarking import Surroundings, benchmark
from fasterseg.deploy.benchmark.contest import HEADLINE, QUICK, BenchmarkSettings
from fasterseg.deploy.benchmark.peak import Peak
from fasterseg.errors import EnvironmentFault, UsageError
from fasterseg.latency.timing import percentile

SETTINGS = BenchmarkSettings(
    "headline",
    queries=512,
    seconds=5.0,
    rounds=8,
    needed_rounds=6,
    audit_rounds=4,
    parts_runs=3,
    alternation=AlternationSettings(warmup_most_runs=10),
)


@dataclass
class FakeContestant:
    """Takes so long; `caches` says whether it knows a repeated image again."""

    name: str = "one"
    quiet_ms: float = 10.0
    caches: bool = False
    macs: int | None = None
    tail_ms: tuple[float, ...] = (1.0, 5.0, 2.0)
    asked: list[int] = field(default_factory=list)

    @property
    def facts(self) -> Mapping[str, str]:
        return {"backend": "made up"}

    def run(self, image: int = 0) -> Work:
        self.asked.append(image)
        known = self.caches and self.asked[-2:] == [image, image]
        return Work(self.quiet_ms / 2 if known else self.quiet_ms)

    def parts_ms(self) -> Mapping[str, float]:
        first, *rest = self.tail_ms
        self.tail_ms = (*rest, first)
        return {"network": 8.0, "tail": first}


def run(
    *contestants: FakeContestant,
    machine: NoisyMachine | None = None,
    settings: BenchmarkSettings = SETTINGS,
    surroundings: Surroundings | None = None,
) -> BenchmarkReport:
    return benchmark(
        contestants,
        canary=canary,
        settings=settings,
        stopwatch=machine or quiet_machine(),
        surroundings=surroundings,
    )


def test_percentiles_are_medians_over_the_windows() -> None:
    # Every twelfth query has a hiccup: it is in the 95th percentile and not in the 90th.
    class Hiccups(FakeContestant):
        def run(self, image: int = 0) -> Work:
            return Work(40.0 if image % 12 == 0 else 10.0 + 0.01 * (image % 10))

    (found,) = run(Hiccups()).contestants
    window = [40.0 if i % 12 == 0 else 10.0 + 0.01 * (i % 10) for i in range(256)]
    for figure, percent in ((found.p50_ms, 50), (found.p90_ms, 90), (found.p95_ms, 95)):
        assert figure.value == pytest.approx(percentile(window, percent), rel=2e-3)
        assert figure.low <= figure.value <= figure.high
    assert found.p95_ms.value == 40.0
    assert found.p90_ms.value < 10.1
    assert found.counting_windows == found.windows >= 4


def test_a_headline_has_its_queries_and_its_seconds() -> None:
    for quiet_ms in (2.0, 30.0):
        (found,) = run(FakeContestant(quiet_ms=quiet_ms)).contestants
        assert found.queries >= 1024  # four windows of 256
        assert found.seconds >= 5.0
    assert (HEADLINE.queries, HEADLINE.seconds, HEADLINE.windows) == (1024, 60.0, 4)
    assert HEADLINE.window_queries == 256
    assert HEADLINE.alternation.warmup_runs >= 10


def test_a_quick_look_has_its_queries_or_its_seconds() -> None:
    (many,) = run(FakeContestant(quiet_ms=1.0), settings=QUICK).contestants
    (few,) = run(FakeContestant(quiet_ms=500.0), settings=QUICK).contestants
    assert many.queries >= 200
    assert many.seconds < 5.0
    assert few.queries < 200
    assert few.seconds >= 5.0
    report = run(FakeContestant(), settings=QUICK)
    assert any("no headline figures" in remark for remark in report.remarks)


def test_windows_of_a_disturbed_machine_are_left_out_of_the_figures() -> None:
    # A third of the time everything takes 1.5 times as long.
    machine = quiet_machine(lambda seconds: 1.5 if seconds % 9.0 > 6.0 else 1.0)
    (found,) = run(FakeContestant(), machine=machine).contestants
    assert 4 <= found.counting_windows < found.windows
    assert found.p50_ms.value == pytest.approx(10.0)
    assert found.canary_ms == pytest.approx(1.0)


def test_a_machine_that_is_too_noisy_is_an_environment_fault_in_four_parts() -> None:
    machine = quiet_machine(lambda seconds: 1.0 + 0.04 * seconds)
    with pytest.raises(EnvironmentFault, match="too noisy for a headline") as caught:
        run(FakeContestant(), machine=machine)
    error = caught.value
    assert error.exit_code == 4
    assert "windows of 256 queries count, 4 are needed" in error.where
    assert "off its pace" in error.why
    assert "--quick" in error.next_step
    # It went on for as long as its patience says before it gave up.
    assert machine.seconds / 1.4 >= 3 * 5.12


def test_patience_outlasts_a_disturbance() -> None:
    machine = quiet_machine(lambda seconds: 1.0 + 0.2 * seconds if seconds < 7.0 else 1.0)
    (found,) = run(FakeContestant(), machine=machine).contestants
    assert found.counting_windows == 4
    assert found.queries > 5 * 256


def test_a_quick_look_at_a_noisy_machine_says_so_and_gives_all() -> None:
    machine = quiet_machine(lambda seconds: 1.0 + 0.3 * seconds)
    report = run(FakeContestant(), machine=machine, settings=QUICK)
    assert any("the machine is noisy" in remark for remark in report.remarks)


def test_others_are_compared_with_the_first() -> None:
    report = run(FakeContestant("a"), FakeContestant("b", 11.0), FakeContestant("c"))
    assert [(one.first, one.second) for one in report.comparisons] == [("a", "b"), ("a", "c")]
    assert [one.verdict for one in report.comparisons] == ["slower", "alike"]
    assert report.refused == ()


def test_a_drifting_machine_gives_figures_of_the_steady_part_and_no_comparison() -> None:
    # The canary stands still beside the first contestant's windows for a while, then runs away.
    settings = replace(SETTINGS, windows=1, needed_rounds=30, patience=1.0)
    machine = quiet_machine(lambda seconds: 1.0 + 0.02 * seconds)
    report = run(FakeContestant("a"), FakeContestant("b"), machine=machine, settings=settings)
    (refused,) = report.refused
    assert refused.ratio is None
    assert "30 are needed" in report.describe()


def test_the_audit_finds_out_who_keeps_results() -> None:
    honest, sly = FakeContestant("honest"), FakeContestant("sly", caches=True)
    report = run(honest, sly)
    audits = [one.audit for one in report.contestants]
    assert [audit.verdict for audit in audits if audit] == ["alike", "faster"]
    assert [remark for remark in report.remarks if "results kept" in remark] == [
        "sly: one repeated image takes less time than many: are results kept?"
    ]


def test_parts_are_medians() -> None:
    (found,) = run(FakeContestant()).contestants
    assert found.parts_ms == {"network": 8.0, "tail": 2.0}


def test_a_share_of_the_peak_needs_both_multiply_adds_and_peak() -> None:
    around = Surroundings(peak=Peak(100.0, "a loop"))
    known, unknown = run(
        FakeContestant("a", macs=200_000_000), FakeContestant("b"), surroundings=around
    ).contestants
    # 0.4 GFLOP in 10 ms are 40 GFLOP/s.
    assert known.peak_share == pytest.approx(0.4)
    assert unknown.peak_share is None
    (without,) = run(FakeContestant(macs=200_000_000)).contestants
    assert without.peak_share is None


def test_the_machine_is_looked_at_before_and_after() -> None:
    states = iter([MachineState(load=0.1, steal_seconds=5.0), MachineState(steal_seconds=5.5)])
    around = Surroundings({"processor": "Imaginary 3000"}, lambda: next(states))
    machine = run(FakeContestant(), surroundings=around).machine
    assert machine.facts == {"processor": "Imaginary 3000"}
    assert machine.before.load == 0.1
    assert machine.stolen_seconds == 0.5


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (MachineState(load=0.4, frequency_mhz=2000), MachineState(frequency_mhz=2040), []),
        (MachineState(load=1.5), MachineState(), ["load was 1.50"]),
        (MachineState(frequency_mhz=3000), MachineState(frequency_mhz=2000), ["3000 to 2000 MHz"]),
    ],
)
def test_other_work_and_a_clock_that_changes_are_told(
    before: MachineState, after: MachineState, told: list[str]
) -> None:
    states = iter([before, after])
    remarks = run(FakeContestant(), surroundings=Surroundings({}, lambda: next(states))).remarks
    assert [words in remark for words, remark in zip(told, remarks, strict=True)] == [True] * len(
        told
    )


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    report = run(FakeContestant("a"), FakeContestant("b", 11.0))
    assert BenchmarkReport.load(report.save(tmp_path / "report.json")) == report
    told = report.describe()
    assert "b / a: 1.100" in told
    assert "p95 ms" in told


def test_the_same_times_give_the_same_report() -> None:
    reports = [run(FakeContestant(), machine=NoisyMachine(3, drift=0.0)) for _ in range(2)]
    assert reports[0].digest() == reports[1].digest()


def test_contestants_bear_different_names() -> None:
    with pytest.raises(UsageError, match="named twice"):
        run(FakeContestant("a"), FakeContestant("a"))
    with pytest.raises(UsageError, match="nothing to time"):
        run()
