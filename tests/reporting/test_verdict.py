"""The verdict on a student: facts in, the very sentences out."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from fasterseg.reporting.page import environment
from fasterseg.reporting.results import Verdict
from fasterseg.reporting.standing import Accuracy, ClassScore, Searched, Speed, Standing
from fasterseg.reporting.teachers import Taught
from fasterseg.reporting.verdict import verdict_on
from fasterseg.searching.summaries.selection_summary import LeadSummary, RivalSummary

SPEED = Speed(
    budget_ms=8.0,
    median_ms=6.8,
    p95_ms=7.2,
    promise="p95",
    target="Imaginary 3000, 1 thread, onnxruntime 1.32.0, float32",
    size="360x640",
)
CLASSES = (
    ClassScore("road", 0.91, 0.4, "pavement"),
    ClassScore("car", 0.62, 0.08, "road"),
    ClassScore("pole", 0.41, 0.02, "building"),
)
ACCURACY = Accuracy(
    mean_iou=0.646,
    on="233 images of test",
    classes=CLASSES,
    position=0.301,
    randoms=(0.601, 0.622, 0.613),
    baselines=(("fast-scnn", 0.588),),
    teacher=0.671,
)
SEARCHED = Searched(
    subnet=0.41, random_subnets=(0.33, 0.36, 0.31), decided=("operators", "paths", "widths")
)
STANDING = Standing(
    "student", SPEED, ACCURACY, SEARCHED, late_gain=0.004, steps=20_000, search_steps=900
)
RIVAL = RivalSummary(
    name="the best of 8 even draws",
    estimated_ms=6.9,
    score=0.38,
    final=0.38,
    lead=LeadSummary(difference=0.02, error=0.005),
    validation=0.37,
    validation_lead=LeadSummary(difference=0.021, error=0.006),
)


def told(verdict: Verdict) -> tuple[str, ...]:
    """All that it says, the warnings last; the page and the terminal say the very same."""
    shown = environment().get_template("verdict.html")
    page = shown.render(verdicts=[verdict], leading=[], deliveries=[], swatches=[])
    texts = [" ".join(unescape(re.sub("<[^>]*>", " ", one)).split()) for one in _told_in(page)]
    speed, accuracy = f"{verdict.speed} {verdict.sure}", f"{verdict.accuracy} {verdict.beside}"
    said = (speed.strip(), accuracy.strip(), verdict.classes, verdict.search, verdict.help)
    answers = tuple(filter(None, said))
    assert texts == [*(f"Warning: {text}." for text in verdict.warnings), *answers]
    short = (verdict.speed, verdict.accuracy, *said[2:])
    lines = [line.strip() for line in verdict.describe().splitlines()[1:]]
    warnings = [f"warning: {text}" for text in verdict.warnings]
    assert lines == [*filter(None, short), *warnings]
    return (*answers, *verdict.warnings)


def _told_in(page: str) -> list[str]:
    """The paragraphs with warnings and the answers of a page's first section."""
    return re.findall(r"<(?:p class=\"warning\"|dd)>(.*?)</(?:p|dd)>", page, re.DOTALL)


def test_a_student_of_whom_all_is_well() -> None:
    verdict = verdict_on(STANDING)
    assert verdict.fast_enough is True
    assert verdict.weak_classes == ()
    assert told(verdict) == (
        "Fast enough: its 95th percentile is 7.20 ms for images of 360x640, the budget 8.00 ms. "
        "Measured on the exported file: Imaginary 3000, 1 thread, onnxruntime 1.32.0, float32. "
        "How sure: it is 10.0 % below the budget, more than the 5 % that two measurements of one "
        "network may differ by.",
        "Better than position alone: mean IoU 64.6 % on 233 images of test; a guess from where "
        "a pixel lies, without the image, has 30.1 %. Three random networks of its latency, "
        "trained as it was, have 61.2 % on average (60.1 to 62.2 %). The baseline fast-scnn has "
        "58.8 %. Its teacher has 67.1 %.",
        "No class is weak: the lowest is pole with 41.0 %.",
        "The search was worth it: it is 3.4 points better than the mean of three random networks "
        "of its latency, trained as it was.",
        "What would help most: more labelled images: nothing that was measured here points "
        "elsewhere.",
    )


def test_a_teacher_s_lead_is_told_and_a_small_one_is_a_warning() -> None:
    ahead = replace(ACCURACY, taught=Taught(("teacher",), 0.716, 0.075, "test"))
    verdict = verdict_on(replace(STANDING, accuracy=ahead))
    assert "Its teacher has 71.6 % on test, 7.5 points ahead of its student." in (verdict.beside)
    assert verdict.warnings == ()
    near = replace(ACCURACY, taught=Taught(("a", "b"), 0.641, -0.005, "val"))
    verdict = verdict_on(replace(STANDING, accuracy=near))
    assert "The best of its teachers a and b has 64.1 % on val, 0.5 points behind" in verdict.beside
    assert verdict.warnings == (
        "the teacher is 0.5 points behind its student: in our studies such a teacher brings "
        "nothing; train it longer, or name another (--teacher)",
    )


def test_a_student_below_position_alone() -> None:
    accuracy = Accuracy(
        mean_iou=0.022,
        on="20 images of val",
        classes=(ClassScore("road", 0.066, 0.9), ClassScore("sign", 0.0, 0.001, "road")),
        position=0.121,
    )
    verdict = verdict_on(replace(STANDING, accuracy=accuracy, steps=40))
    assert verdict.weak_classes == ("sign",)
    assert told(verdict)[1:] == (
        "No better than position alone: mean IoU 2.2 % on 20 images of val; a guess from where a "
        "pixel lies, without the image, has 12.1 %.",
        "Weak: sign (0.0 %, 0.1 % of the pixels), below half of the mean IoU.",
        "The search was probably worth it: as a subnet of the supernet it had 41.0 %, three random "
        "networks of its latency 33.3 % on average (31.0 to 36.0 %); none of these was trained by "
        "itself.",
        "What would help most: longer training (student.steps, now 40), and a look at the labels: "
        "so far it knows little more than where things usually lie.",
        "below position alone: 2.2 % is no more than the 12.1 % of a guess without the image, so "
        "it has learned nothing of use",
    )


def test_a_student_below_the_random_ones() -> None:
    accuracy = replace(ACCURACY, randoms=(0.66,), baselines=(), teacher=None)
    verdict = verdict_on(replace(STANDING, accuracy=accuracy))
    assert told(verdict)[1:] == (
        "Better than position alone: mean IoU 64.6 % on 233 images of test; a guess from where "
        "a pixel lies, without the image, has 30.1 %. A random network of its latency, trained as "
        "it was, has 66.0 %.",
        "No class is weak: the lowest is pole with 41.0 %.",
        "The search was not worth it: it is 1.4 points worse than a random network of its latency, "
        "trained as it was.",
        "What would help most: a longer search (search.steps, now 900, or search.hours): this one "
        "found less than chance does.",
        "below the random networks: it is 1.4 points worse than a random network of its latency",
    )


def test_a_search_that_decided_nothing() -> None:
    searched = Searched(undecided=("operators", "paths", "widths"), candidates=24, rival=RIVAL)
    accuracy = replace(ACCURACY, randoms=(), baselines=(), teacher=None)
    verdict = verdict_on(replace(STANDING, accuracy=accuracy, searched=searched, search_steps=100))
    assert told(verdict)[3:] == (
        "The search was probably worth it: its subnet leads the best of 8 even draws by "
        "+2.10 ± 0.60 points.",
        "What would help most: a longer search (search.steps, now 100, or search.hours): this one "
        "decided nothing.",
        "the search decided nothing: the operators, paths and widths ended as undecided as noise "
        "alone leaves them; the student was chosen by scoring 24 candidates instead",
    )


def test_a_noisy_machine() -> None:
    verdict = verdict_on(replace(STANDING, speed=replace(SPEED, quiet=False, pace=1.3)))
    assert verdict.fast_enough is None
    assert (told(verdict)[0], *told(verdict)[4:]) == (
        "Perhaps fast enough: its 95th percentile is 7.20 ms for images of 360x640, the budget "
        "8.00 ms. Measured on the exported file: Imaginary 3000, 1 thread, onnxruntime 1.32.0, "
        "float32. How sure: not sure, the machine was too noisy. The machine ran 30 % slower than "
        "when its latency table was made; that is taken out, by the clock it was 9.36 ms.",
        "What would help most: measuring again on a quieter machine (the same command does).",
        "a noisy machine: too few windows of the measurement were quiet to promise a latency",
    )


def test_a_95th_percentile_over_the_budget_of_a_median() -> None:
    speed = replace(SPEED, promise="median", median_ms=7.9, p95_ms=11.2, target="", size="")
    verdict = verdict_on(replace(STANDING, speed=speed, late_gain=0.031, steps=2000))
    assert verdict.fast_enough is True
    assert (told(verdict)[0], *told(verdict)[4:]) == (
        "Fast enough: its median is 7.90 ms, the budget 8.00 ms. How sure: not very, it is 1.2 % "
        "below the budget, and two measurements of one network may differ by 5 %.",
        "What would help most: longer training (student.steps, now 2,000): in its last quarter the "
        "validation score still rose by 3.1 points.",
        "one image in twenty takes longer than the budget: the 95th percentile is 11.20 ms, the "
        "budget 8.00 ms, and this recipe promises the median only (promise: median)",
    )


def test_a_student_that_is_too_slow_and_weak_on_rare_classes() -> None:
    classes = (
        *CLASSES,
        *(ClassScore(f"rare{n}", 0.01 * n, 0.002, "road") for n in range(7)),
    )
    accuracy = replace(ACCURACY, mean_iou=0.33, classes=classes, randoms=(), baselines=())
    searched = replace(SEARCHED, decided=("operators",), undecided=("paths", "widths"))
    slow = replace(SPEED, p95_ms=9.1)
    verdict = verdict_on(
        replace(STANDING, speed=slow, accuracy=accuracy, searched=searched, late_gain=None)
    )
    assert verdict.fast_enough is False
    assert verdict.weak_classes == tuple(f"rare{n}" for n in range(7))
    assert told(verdict) == (
        "Too slow: its 95th percentile is 9.10 ms for images of 360x640, the budget 8.00 ms. "
        "Measured on the exported file: Imaginary 3000, 1 thread, onnxruntime 1.32.0, float32. "
        "How sure: it is 13.7 % above the budget, more than the 5 % that two measurements of one "
        "network may differ by.",
        "Hardly better than position alone: mean IoU 33.0 % on 233 images of test; a guess from "
        "where a pixel lies, without the image, has 30.1 %. Its teacher has 67.1 %.",
        "Weak: rare0 (0.0 %, 0.2 % of the pixels), rare1 (1.0 %, 0.2 % of the pixels), rare2 "
        "(2.0 %, 0.2 % of the pixels), rare3 (3.0 %, 0.2 % of the pixels), rare4 (4.0 %, 0.2 % of "
        "the pixels) and 2 more, each of them below half of the mean IoU.",
        "The search was probably worth it: as a subnet of the supernet it had 41.0 %, three random "
        "networks of its latency 33.3 % on average (31.0 to 36.0 %); none of these was trained by "
        "itself. It did not decide the paths and widths: noise did.",
        "What would help most: a new run with --budget 9.56ms, or smaller images.",
    )


def test_a_run_that_has_only_begun_is_told_as_such() -> None:
    verdict = verdict_on(Standing("student"))
    assert verdict.fast_enough is None
    assert told(verdict) == (
        "Fast enough? Not known: it has not been measured.",
        "Accurate enough? Not known: it has not been scored.",
        "Was the search worth it? Not known: it has not come to its end.",
        "What would help most: letting the run come to its end.",
    )


@pytest.mark.parametrize(
    ("weak", "teacher", "help"),
    [
        (
            ClassScore("sign", 0.1, 0.004, "building"),
            0.9,
            "more labelled images with sign: it has 0.40 % of the pixels",
        ),
        (
            ClassScore("pole", 0.1, 0.04, "building"),
            0.9,
            "a larger budget: the teacher, which has none, has 90.0 %",
        ),
        (
            ClassScore("pole", 0.1, 0.04, "building"),
            None,
            "more labelled images with pole, which is mostly taken for building",
        ),
    ],
)
def test_weak_classes_that_are_rare_are_to_be_labelled_before_a_larger_budget_is_asked_for(
    weak: ClassScore, teacher: float | None, help: str
) -> None:
    accuracy = replace(ACCURACY, classes=(*CLASSES, weak), teacher=teacher)
    verdict = verdict_on(replace(STANDING, accuracy=accuracy))
    assert verdict.help == f"What would help most: {help}."


def test_two_numbers_that_differ_are_told_with_digits_that_differ() -> None:
    speed = replace(SPEED, promise="median", budget_ms=0.559787, median_ms=0.560116, p95_ms=0.64)
    assert verdict_on(Standing("student", speed)).speed.startswith(
        "Too slow: its median is 0.5601 ms for images of 360x640, the budget 0.5598 ms."
    )


def test_a_lead_within_noise_is_not_called_worth_it() -> None:
    lead = LeadSummary(difference=0.009, error=0.006)
    rival = RIVAL.model_copy(update={"validation_lead": lead})
    verdict = verdict_on(Standing("student", searched=Searched(rival=rival)))
    assert verdict.search == (
        "The search was not shown to be worth it: no more than noise before the best of 8 even "
        "draws."
    )


def test_a_rival_that_leads_is_named_with_its_lead() -> None:
    lead = LeadSummary(difference=-0.0109, error=0.0017)
    rival = RIVAL.model_copy(update={"validation_lead": lead})
    verdict = verdict_on(Standing("student", searched=Searched(rival=rival)))
    assert verdict.search == (
        "The search was probably not worth it: the best of 8 even draws leads its subnet by "
        "+1.09 ± 0.17 points."
    )


def test_where_both_were_trained_the_lead_is_that_after_training() -> None:
    behind = LeadSummary(difference=-0.0109, error=0.0017)  # as subnets, on validation images
    rival = RIVAL.model_copy(update={"validation_lead": behind, "trained": 0.51})
    verdict = verdict_on(Standing("student", searched=Searched(rival=rival)))
    assert verdict.search == (
        "The search was probably worth it: it leads the best of 8 even draws by +2.00 ± 0.50 "
        "points, both trained for a while."
    )
