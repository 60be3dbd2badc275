"""The benchmark's picture: everyone in it, the quickest first, readable in light and dark."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from fasterseg.deploy.benchmark.benchmark_report import BenchmarkReport, ContestantFigures, Figure
from fasterseg.reporting.contest import backend_colours, contest_chart, contest_svg, page_colours


def figure(value: float) -> Figure:
    return Figure(value=value, low=0.99 * value, high=1.01 * value)


def contestant(name: str, p50: float, backend: str = "onnxruntime") -> ContestantFigures:
    return ContestantFigures(
        name=name,
        facts={"backend": backend},
        p50_ms=figure(p50),
        p90_ms=figure(1.05 * p50),
        p95_ms=figure(1.1 * p50),
        p99_ms=figure(1.3 * p50),
        spread_ms=0.1,
        queries=1024,
        seconds=60.0,
        window_queries=256,
        windows=4,
        counting_windows=4,
        canary_ms=1.0,
    )


REPORT = BenchmarkReport(
    mode="headline",
    contestants=(
        contestant("slow · x", 20.0, "pytorch"),
        contestant("quick <&> $x$", 10.0),
        contestant("/deep" * 20 + "/student", 15.0),
    ),
)


def words_in(svg: str) -> list[str]:
    return [
        "".join(text.itertext())
        for text in ElementTree.fromstring(svg).iter()
        if "text" in text.tag
    ]


def test_all_are_there_the_quickest_on_top() -> None:
    words = words_in(contest_svg(REPORT))
    places = [words.index(name) for name in ("quick <&> $x$", "slow · x")]
    assert places == sorted(places)
    assert "p50 10.00   p95 11.00   p99 13.00" in words
    (shortened,) = (word for word in words if word.endswith("/student"))
    assert shortened.startswith("…")


def test_the_file_is_whole_by_itself_and_has_both_colour_schemes() -> None:
    svg = contest_svg(REPORT)
    ElementTree.fromstring(svg)
    defined = set(re.findall(r"--([\w]+):", page_colours()))
    used = set(re.findall(r"var\(--([\w]+)\)", svg))
    assert used
    assert used <= defined
    assert "prefers-color-scheme: dark" in svg
    assert "#0f0" not in svg


def test_one_backend_has_one_colour() -> None:
    colours = backend_colours(REPORT.contestants)
    assert set(colours) == {"onnxruntime", "pytorch"}
    assert len(set(colours.values())) == 2
    assert "var(--s1)" in contest_chart(REPORT).svg
    assert "var(--s2)" in contest_chart(REPORT).svg


def test_the_picture_is_told_in_words_too() -> None:
    text = contest_chart(REPORT).text
    assert "slow · x: median 20.00, 95th percentile 22.00, 99th 26.00 ms" in text


def test_the_same_report_gives_the_same_bytes() -> None:
    assert contest_svg(REPORT) == contest_svg(REPORT)
