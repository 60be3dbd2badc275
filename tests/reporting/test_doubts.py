"""The page's labels to look at: found while scoring, shown with the place marked."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from fake_run import FakeRun
from PIL import Image

from fasterseg.commands.results import EvaluateResult
from fasterseg.datasets.sample import Pixels
from fasterseg.evaluation import EvaluationReport, LabelsAndLogits, evaluate_predictor
from fasterseg.reporting.doubts import Doubts, doubts
from fasterseg.reporting.facts import RunFacts, read_facts
from fasterseg.reporting.page import environment

FAKE = FakeRun(until="data")


def one_class_everywhere(image: Pixels) -> LabelsAndLogits:
    """A network that is sure that all there is is the second class."""
    logits: npt.NDArray[np.float32] = np.zeros((9, 16, 32), dtype=np.float32)
    logits[1] = 9.0
    return LabelsAndLogits(np.ones(image.shape[:2], dtype=np.uint8), logits)


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    """What that network comes to."""
    return evaluate_predictor(one_class_everywhere, FAKE.source, "test", subject="student")


@pytest.fixture(scope="module")
def facts(report: EvaluationReport, tmp_path_factory: pytest.TempPathFactory) -> RunFacts:
    """A run whose student was scored so."""
    known = read_facts(FAKE.write(tmp_path_factory.mktemp("doubts")))
    teacher, student = known.networks
    return replace(known, networks=(teacher, replace(student, evaluation=report)))


def test_scoring_with_logits_notes_the_places_and_scoring_without_notes_none(
    report: EvaluationReport,
) -> None:
    assert report.looked_at == report.images
    assert 0 < len(report.contradictions) <= report.images
    weights = [one.weight for one in report.contradictions]
    assert weights == sorted(weights, reverse=True)

    def labels_alone(image: Pixels) -> npt.NDArray[np.uint8]:
        return np.ones(image.shape[:2], dtype=np.uint8)

    plain = evaluate_predictor(labels_alone, FAKE.source, "test", subject="student")
    assert (plain.looked_at, plain.contradictions) == (0, ())
    assert plain.iou == report.iou


def test_the_places_are_marked_in_the_image_and_in_the_mask(facts: RunFacts) -> None:
    found = doubts(facts, FAKE.source)
    assert found.by == "student"
    assert [row.words for row in found.rows] == list(found.told[: len(found.rows)])
    report = facts.networks[1].evaluation
    assert report is not None
    first = report.contradictions[0]
    index = FAKE.source.names("test").index(first.image)
    image, mask = found.rows[0].pictures
    shown = Image.open(io.BytesIO(base64.b64decode(mask.source.partition(",")[2])))
    plain = FAKE.source.sample("test", index).labels
    assert (shown.width, shown.height) == plain.shape[::-1]
    assert shown.convert("RGB").getpixel((first.left, first.top)) == (0, 0, 0)
    assert first.image in image.text


def test_without_data_the_places_are_told_in_words(facts: RunFacts) -> None:
    found = doubts(facts, None)
    assert found.rows == ()
    page = page_of(found)
    assert all(words in page for words in found.told)
    assert "evaluate training/student/best --split train" in page


def test_scores_that_told_no_certainty_are_said_to_tell_nothing() -> None:
    assert "Not looked for" in page_of(Doubts())
    assert "contradicts no mask of the 3 images of test" in page_of(Doubts("student", "test", 3))


def page_of(found: Doubts) -> str:
    """The section of the page."""
    return environment().get_template("labels.html").render(doubts=found)


def test_evaluate_tells_the_five_largest_places(report: EvaluationReport) -> None:
    known = report.contradictions[0]
    many = tuple(known.model_copy(update={"image": f"{n:04}"}) for n in range(7))
    told = EvaluateResult(
        file="x.json", report=report.model_copy(update={"contradictions": many})
    ).describe()
    assert "masks that the network confidently contradicts" in told
    assert "  0004: rows" in told
    assert "0005: rows" not in told
    assert "  and 2 more in the report" in told


def test_a_report_of_before_is_read_without_places(
    report: EvaluationReport, tmp_path: Path
) -> None:
    content = report.content()
    for key in ("looked_at", "contradictions"):
        del content[key]
    assert EvaluationReport.model_validate(content).looked_at == 0
