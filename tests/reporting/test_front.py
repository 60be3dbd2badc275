"""The front: students and teacher where they were measured, random ones beside their student."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fake_run import FakeRun, report_of

from fasterseg.reporting.facts import RunFacts, read_facts
from fasterseg.reporting.front import RANDOM_LABEL, front_charts, front_rows
from fasterseg.reporting.headline import network_rows, tiles
from fasterseg.reporting.page import render_page
from fasterseg.runs import RunFolder

NAMES = ("student-8ms", "student-12ms")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A whole run for two budgets; of the random architectures one was trained and scored."""
    run = FakeRun(students=NAMES).write(tmp_path_factory.mktemp("written"))
    trained = report_of(run, "student-8ms").model_copy(update={"mean_iou": 0.125})
    trained.save(run.score("random-student-8ms-2", "test", which="best"))
    return run


@pytest.fixture
def run(written: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of it, for a test of its own."""
    shutil.copytree(written.root, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def test_each_chart_has_every_network_and_its_random_architectures(run: RunFolder) -> None:
    trained, subnets = front_charts(read_facts(run))
    for chart in (trained, subnets):
        for word in ("student-8ms, budget 5 ms", "student-12ms, budget 5 ms", "teacher"):
            assert word in chart.text
            assert word in chart.svg
        assert RANDOM_LABEL in chart.svg
    scores = {name: 100 * report_of(run, name).mean_iou for name in (*NAMES, "teacher")}
    assert (
        f"student-8ms, budget 5 ms: 4.72 ms, mean IoU {scores['student-8ms']:.1f} %" in trained.text
    )
    assert f"teacher: 9.40 ms, mean IoU {scores['teacher']:.1f} %" in trained.text
    assert "random-student-8ms-2: 4.80 ms, mean IoU 12.5 %" in trained.text
    assert trained.text.count("random-") == 1
    assert "student-12ms, budget 5 ms: 4.80 ms, mean IoU 31.0 %" in subnets.text
    assert subnets.text.count("random-") == 6


def test_a_row_holds_a_student_against_the_random_ones_of_its_own_latency(run: RunFolder) -> None:
    first, second = front_rows(read_facts(run))
    assert (first.name, second.name) == NAMES
    assert first.random_subnets == pytest.approx((0.23, 0.25, 0.27))
    assert second.random_subnets == pytest.approx((0.24, 0.26, 0.28))
    assert (first.random_trained, second.random_trained) == ((0.125,), ())
    assert first.subnet == 0.31
    assert first.trained == report_of(run, "student-8ms").mean_iou


def test_a_random_architecture_that_no_search_scored_is_priced_by_the_table(
    run: RunFolder,
) -> None:
    facts = read_facts(run)
    kept = run.architecture("teacher").read_bytes()  # the made-up table knows its blocks
    run.architecture("random-student-8ms-11").write_bytes(kept)
    run.architecture("random-student-8ms-x").write_bytes(b"{}")  # nothing of ours
    with_more = read_facts(run)
    assert len(with_more.randoms) == len(facts.randoms) + 1
    added = with_more.randoms[3]
    assert (added.name, added.student, added.subnet_miou) == (
        "random-student-8ms-11",
        "student-8ms",
        None,
    )
    assert added.estimated_ms is not None
    assert added.estimated_ms > 0


def test_a_student_whose_name_begins_another_s_has_its_own_ones_alone(tmp_path: Path) -> None:
    run = FakeRun(students=("student", "student-1"), until="search").write(tmp_path)
    found = [(random.student, random.name) for random in read_facts(run).randoms]
    assert found == [
        (name, f"random-{name}-{number}")
        for name in ("student", "student-1")
        for number in (1, 2, 3)
    ]


def test_before_the_search_there_is_no_front_and_after_it_one_of_subnets(tmp_path: Path) -> None:
    def facts_until(stage: str) -> RunFacts:
        return read_facts(FakeRun(until=stage).write(tmp_path / stage))

    assert front_charts(facts_until("profile")) == []
    assert front_rows(facts_until("profile")) == []
    assert [chart.title for chart in front_charts(facts_until("search"))] == [
        "Subnets of the supernet"
    ]


def test_several_students_have_a_tile_each_with_score_and_latency(run: RunFolder) -> None:
    facts = read_facts(run)
    found = {tile.label: tile for tile in tiles(network_rows(facts), facts)}
    assert list(found) == [*NAMES, "teacher", "Position alone"]
    for name in NAMES:
        assert found[name].value == f"{100 * report_of(run, name).mean_iou:.1f} %"
        assert found[name].verdict == "within budget"
        assert "4.72 ms measured" in found[name].words


def test_the_teachers_tile_says_how_far_it_is_ahead_of_each_student(run: RunFolder) -> None:
    facts = read_facts(run)
    (tile,) = (one for one in tiles(network_rows(facts), facts) if one.label == "teacher")
    own = report_of(run, "teacher").mean_iou
    for name in NAMES:
        points = 100 * (own - report_of(run, name).mean_iou)
        assert f"{points:.1f} points ahead of {name} on test" in tile.words


def test_the_page_holds_the_front_and_each_student_s_responses(run: RunFolder) -> None:
    page = render_page(read_facts(run))
    assert "Score against latency" in page
    assert "mean of 3, 23.0" in page
    assert "<p>student-8ms, student-12ms</p>" in page, "they answer alike, and are told once"
