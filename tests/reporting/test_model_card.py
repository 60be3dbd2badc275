"""A model's page and its card for a hub: what it is for, how fast, how good, how to use it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_run import FakeRun
from PIL import Image

from fasterseg.commands.report import report
from fasterseg.errors import DataError, UsageError
from fasterseg.foreign.strict_yaml import load_yaml
from fasterseg.runs import RunFolder

HOSTILE = ("a|b", "<script>x</script>", "`c`", "*d*", "[e](f)", "line\nbreak", "- g", "# h", "$i$")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A whole run that was made up."""
    return FakeRun().write(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def card(run: RunFolder) -> str:
    """The card of its student, which `report` wrote beside the page."""
    found = report(run.bundle("student"))
    assert found.card == str(run.bundle("student") / "MODEL_CARD.md")
    return Path(found.card).read_text(encoding="utf-8")


def test_the_card_tells_use_scores_latency_and_commands(run: RunFolder, card: str) -> None:
    for told in (
        "images like those that it learned from",
        "made by this program; free of any terms",
        "Nobody's safety may depend on it alone.",
        "4.72 ms (median; 95th percentile 4.94 ms) on Imaginary 3000",
        "fasterseg predict best photo.jpg --out predictions",
        "fasterseg benchmark best --quick",
        "fasterseg export best --size 64x128 --out student.onnx",
        "model = fasterseg.load_model('best')",
        "- weights.safetensors: `sha256:",
    ):
        assert told in card, told
    page = (run.bundle("student") / "report.html").read_text(encoding="utf-8")
    assert "fasterseg predict best photo.jpg --out predictions" in page
    assert page.count("<img") == 2


def test_its_front_matter_is_what_hubs_sort_models_by(card: str) -> None:
    _, matter, _ = card.split("---\n", 2)
    found = load_yaml(matter)
    assert found["pipeline_tag"] == "image-segmentation"
    assert found["library_name"] == "fasterseg"
    (result,) = found["model-index"][0]["results"]
    assert result["dataset"]["name"] == "street/val"
    assert result["metrics"][0]["type"] == "mean_iou"


def test_its_picture_lies_beside_it(run: RunFolder, card: str) -> None:
    assert "](MODEL_CARD.jpg)" in card
    with Image.open(run.bundle("student") / "MODEL_CARD.jpg") as picture:
        assert picture.size == (256, 64)


def test_a_card_that_somebody_has_changed_is_kept(run: RunFolder, card: str) -> None:
    path = run.bundle("student") / "MODEL_CARD.md"
    path.write_text(f"{card}\nOurs.\n", encoding="utf-8")
    found = report(run.bundle("student"))
    assert path.read_text(encoding="utf-8").endswith("Ours.\n")
    assert "was kept" in found.note
    path.write_text(card, encoding="utf-8")
    assert report(run.bundle("student")).note == ""


def test_a_folder_in_the_cards_place_is_told_before_anything_is_written(
    run: RunFolder, tmp_path: Path
) -> None:
    (tmp_path / "MODEL_CARD.md").mkdir()
    with pytest.raises(UsageError) as caught:
        report(run.bundle("student"), out=tmp_path / "page.html")
    assert "MODEL_CARD.md is a folder" in caught.value.why
    assert not (tmp_path / "page.html").exists()


def test_weights_that_were_not_measured_have_no_latency_of_others(run: RunFolder) -> None:
    found = report(run.bundle("student", "last"))
    assert "Not measured with this model" in Path(found.card).read_text(encoding="utf-8")


def test_names_that_mean_something_in_markdown_are_only_words(tmp_path: Path) -> None:
    fake = FakeRun(names=HOSTILE, teacher=False)
    fake.write(tmp_path)
    text = Path(report(RunFolder(tmp_path).bundle("student")).card).read_text(encoding="utf-8")
    body = text.split("---\n", 2)[2]
    assert "<script>" not in body.replace("\\<script\\>", "")
    rows = [line for line in body.splitlines() if line.startswith("| ")]
    assert all(line.replace("\\|", "").count("|") == 3 for line in rows)
    assert "a\\|b" in body
    assert "\\[e\\](f)" in body


def test_a_picture_is_of_the_data_that_is_named(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        report(run.bundle("student"), data=tmp_path / "nowhere", out=tmp_path / "page.html")
    found = report(run.bundle("student"), data="street", out=tmp_path / "page.html")
    assert "An image of street/" in Path(found.card).read_text(encoding="utf-8")
    assert Path(found.card).parent == tmp_path
