"""One working size, from recipe to file: trained and timed at it, scored at the labels' own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from photos import photos
from PIL import Image
from tiny_training import tiny_task

import fasterseg
from fasterseg.commands.check_data import check_data
from fasterseg.commands.evaluate import evaluate
from fasterseg.commands.export import export
from fasterseg.commands.predict import predict
from fasterseg.config import Recipe
from fasterseg.console.options import Common
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.datasets.sources.sized import brought_to
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.transforms import resize_labels
from fasterseg.deploy.benchmark.contestants import size_of
from fasterseg.errors import UsageError
from fasterseg.evaluation import position_baseline
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.predicting import load_model
from fasterseg.pipeline.opening import OpenedRun, open_run, open_source
from fasterseg.pipeline.settings.sizing import note_on_sizes
from fasterseg.pipeline.stages.checking import check_stage
from fasterseg.reporting.gallery import gallery
from fasterseg.runs import RunFolder
from fasterseg.space.blocks import Size
from fasterseg.training.data import TrainingData
from fasterseg.training.sight import require_same_sight
from fasterseg.training.training import train_network

SIZE = Size(32, 64)
OWN = (64, 128)
MIXED = {"train": [(48, 48), OWN, OWN], "val": [OWN], "test": [(90, 70), (60, 120)]}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of several sizes and proportions."""
    return photos(tmp_path_factory.mktemp("photos"), MIXED)


def trained(data: Path, folder: Path, size: Size | None, **changes: object) -> Path:
    """A tiny network of four steps, trained on photos at a size."""
    task = tiny_task(steps=4, evaluate_every=4, checkpoint_every=4, **changes)
    source = brought_to(open_data(data), size)
    train_network(replace(task, data=TrainingData(source)), folder)
    return folder / "best"


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that was trained at the working size."""
    return trained(data, tmp_path_factory.mktemp("trained") / "student", SIZE)


def opened(data: Path, run: Path, *changes: str, size: str = "") -> OpenedRun:
    return open_run(Common(data=data, run=run, set=changes).with_size(size))


def notes_of(opened_run: OpenedRun) -> str:
    return note_on_sizes(opened_run.recipe, opened_run.source)


def test_a_run_at_one_size_is_trained_timed_and_searched_at_it(data: Path, tmp_path: Path) -> None:
    found, folder, source = opened(data, tmp_path, size="64x128")
    assert found.data.size == found.target.size == source.working_size == OWN
    assert {one.augmentation.crop for one in (found.search, found.teacher, found.student)} == {OWN}
    assert Recipe.load(folder.recipe) == found
    again = opened(data, tmp_path)
    assert again.recipe == found
    assert again.source.digest("train") == source.digest("train")


def test_what_is_distorted_is_told_and_so_is_what_is_enlarged(data: Path, tmp_path: Path) -> None:
    note = notes_of(opened(data, tmp_path, size="64x128"))
    assert "3 of the 6 images are brought to 64x128" in note
    assert "scores are at the labels' own size" in note
    assert "2 have other proportions and are distorted" in note
    assert "2.57 times as wide as they were (90x70)" in note
    assert "enlarged, which shows a network nothing more: 1 of " in note
    upright = notes_of(opened(data, tmp_path / "upright", "target.tail=graph", size="96x48"))
    assert "times as high as they were" in upright


def test_images_that_have_the_size_need_no_word(tmp_path: Path) -> None:
    same = photos(tmp_path / "same", {"train": [OWN], "val": [OWN], "test": [OWN]})
    assert notes_of(opened(same, tmp_path / "run", size="64x128")) == ""


def test_images_of_several_sizes_ask_for_one_and_say_how(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="4 sizes") as caught:
        opened(data, tmp_path)
    assert "--size 64x128" in caught.value.next_step


def test_a_run_of_another_size_is_another_run(data: Path, tmp_path: Path) -> None:
    recipe, folder, source = opened(data, tmp_path, size="64x128")
    task = tiny_task(steps=4, evaluate_every=4, checkpoint_every=4)
    train_network(
        replace(task, data=TrainingData(source)), folder.training(recipe.students()[0].name).root
    )
    with pytest.raises(UsageError, match=r"data\.size"):
        opened(data, tmp_path, size="32x64")
    assert opened(data, tmp_path, size="64x128").recipe == recipe


def test_a_training_at_another_size_does_not_resume_one(data: Path, tmp_path: Path) -> None:
    trained(data, tmp_path / "student", SIZE)
    with pytest.raises(UsageError, match="digest"):
        trained(data, tmp_path / "student", Size(48, 96))


def test_a_bundle_holds_its_size_and_its_score_is_at_the_labels_own(model: Path) -> None:
    card = ModelBundle.load(model).card
    assert card.size == SIZE
    assert card.scores[0].resolution == "64x128"
    assert card.image_size(next_step="") == SIZE
    assert "sees images at 32x64" in card.describe()
    assert size_of(str(model), ModelBundle.load(model)) == SIZE


def test_a_bundle_that_never_had_a_size_is_what_it_was(data: Path, tmp_path: Path) -> None:
    plain = trained(data, tmp_path / "student", None)
    text = (plain / "card.json").read_text()
    assert ModelBundle.load(plain).card.size is None
    assert '"size"' not in text


def test_a_score_is_that_of_labels_brought_back_to_their_own_size(
    data: Path, model: Path, tmp_path: Path
) -> None:
    result = evaluate(str(model), data=data, split="test", out=tmp_path / "a.json")
    assert result.report.shown_at == "32x64"
    assert result.report.resolution == "60x120,90x70"
    assert "60x120,90x70, seen at 32x64" in result.report.summary()
    assert result.note == ""
    source, predictor = open_data(data), load_model(model)
    counts = np.zeros((9, 9), dtype=np.int64)
    for index in range(2):
        sample = source.sample("test", index)
        seen = predictor.label_map(resampled(sample.image, SIZE))
        found = resize_labels(seen, sample.labels.shape)
        known = sample.labels != 255
        np.add.at(counts, (sample.labels[known], found[known]), 1)
    assert result.report.confusion == tuple(map(tuple, counts.tolist()))


def test_what_is_scored_is_what_is_predicted(data: Path, model: Path, tmp_path: Path) -> None:
    report = evaluate(str(model), data=data, split="test", out=tmp_path / "a.json").report
    result = predict(str(model), str(data / "images" / "test"), out=tmp_path / "out")
    hits = total = 0
    for name in report.image_scores:
        labels = np.asarray(Image.open(tmp_path / "out" / f"{name.name}_labels.png"))
        truth = np.asarray(Image.open(data / "masks" / "test" / f"{name.name}.png"))
        assert labels.shape == truth.shape
        hits += int(((labels == truth) & (truth != 255)).sum())
        total += int((truth != 255).sum())
    assert report.pixel_accuracy == hits / total
    assert "1 have other proportions and are distorted" in result.note


@pytest.mark.parametrize("size", ["48x96", (48, 96)])
def test_python_and_the_command_show_an_image_at_the_same_size(
    data: Path, model: Path, tmp_path: Path, size: str | tuple[int, int]
) -> None:
    picture = data / "images" / "val" / "val-0.png"
    predict(str(model), str(picture), out=tmp_path / "out", size=size)
    written = np.asarray(Image.open(tmp_path / "out" / "val-0_labels.png"))
    predictor = fasterseg.load_model(model)
    assert (predictor(picture, size=size).labels == written).all()
    assert predictor(picture).labels.shape == written.shape == OWN
    assert (predictor(picture).labels == predictor(picture, size="32x64").labels).all()
    own = predictor(picture, size="own").labels
    assert (own == predictor.label_map(np.asarray(Image.open(picture)))).all()


@pytest.mark.parametrize("size", ["big", "5", (1, 2, 3), "0x0"])
def test_what_is_no_size_is_refused_in_python_and_in_the_command(
    data: Path, model: Path, tmp_path: Path, size: str
) -> None:
    picture = data / "images" / "val" / "val-0.png"
    with pytest.raises(UsageError, match="cannot read the size"):
        fasterseg.load_model(model)(picture, size=size)
    with pytest.raises(UsageError, match="cannot read the size"):
        predict(str(model), str(picture), out=tmp_path / "out", size=size)


def test_a_model_is_scored_at_another_size_where_that_is_asked_for(
    data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size, told in (("48x96", "48x96"), ("own", "")):
        out = tmp_path / f"{size}.json"
        report = evaluate(str(model), data=data, split="val", out=out, size=size).report
        assert report.shown_at == told
    copied = tmp_path / "student"
    copied.mkdir()
    for file in model.iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    first = evaluate(str(copied), data=data, split="val").file
    second = evaluate(str(copied), data=data, split="val", size="48x96").file
    assert (Path(first).name, Path(second).name) == ("student-val.json", "student-val-48x96.json")


def test_an_exported_file_has_the_size_and_is_verified_at_it(
    data: Path, model: Path, tmp_path: Path
) -> None:
    file = tmp_path / "student.pt2"
    report = export(str(model), format="torch", data=data, out=file, split="test", images=2)
    assert report.size == "32x64"
    assert report.verification.passed
    assert report.verification.mean_iou is not None
    scored = evaluate(str(file), data=data, split="test", out=tmp_path / "a.json").report
    assert scored.shown_at == "32x64"
    assert scored.mean_iou == pytest.approx(report.verification.mean_iou, abs=1e-6)
    picture = data / "images" / "test" / "test-0.png"
    assert fasterseg.load_model(file)(picture).labels.shape == (90, 70)


@pytest.mark.slow
def test_a_file_that_resizes_itself_is_verified_on_images_as_they_lie_and_scores_the_same(
    data: Path, model: Path, tmp_path: Path
) -> None:
    file = tmp_path / "resizing.onnx"
    report = export(str(model), resize=True, data=data, out=file, split="test", images=2)
    assert report.verification.passed
    assert "90x70" in report.verification.sizes
    whole = evaluate(str(model), data=data, split="test", out=tmp_path / "a.json").report
    own = evaluate(str(file), data=data, split="test", out=tmp_path / "b.json").report
    assert own.shown_at == ""
    assert own.mean_iou == pytest.approx(whole.mean_iou, abs=1e-4)
    result = predict(str(file), str(data / "images" / "test"), out=tmp_path / "out")
    assert "distorted" in result.note


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dynamic": True, "resize": True}, "one size or any"),
        ({"resize": True, "output": "logits"}, "gives labels"),
        ({"resize": True, "size": "8x8"}, "cannot be brought"),
        ({"size": "8x8"}, "cannot be brought"),
    ],
)
def test_exports_that_cannot_be_are_refused_before_anything_is_written(
    data: Path, model: Path, tmp_path: Path, options: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        export(str(model), data=data, out=tmp_path / "a.onnx", **options)  # type: ignore[arg-type]
    assert caught.value.next_step
    assert [*tmp_path.iterdir()] == []


def test_a_teacher_of_another_size_is_refused(data: Path, model: Path) -> None:
    card = ModelBundle.load(model).card
    require_same_sight(card, brought_to(open_data(data), SIZE), "teacher")
    with pytest.raises(UsageError, match="another size"):
        require_same_sight(card, brought_to(open_data(data), Size(48, 96)), "teacher")


def test_data_is_checked_as_it_lies(data: Path, tmp_path: Path) -> None:
    source = brought_to(open_data(data), SIZE)
    report = check_stage(source, RunFolder(tmp_path), used={"train"}, progress=lambda *_: None)
    assert report.splits["train"].sizes == {"48x48": 1, "64x128": 2}
    again = check_stage(source, RunFolder(tmp_path), used={"train"}, progress=lambda *_: None)
    assert again == report
    told = check_data(str(data), size="32x64")
    assert any("distorted" in note for note in told.notes)
    assert not any("brought" in note for note in check_data(str(data)).notes)


def test_position_alone_is_scored_at_the_labels_own_size_too(data: Path) -> None:
    report = position_baseline(brought_to(open_data(data), SIZE), "train", "test")
    assert (report.resolution, report.shown_at) == ("60x120,90x70", "32x64")


def test_pictures_of_the_report_show_images_and_labels_as_they_lie(data: Path, model: Path) -> None:
    source: DataSource = brought_to(open_data(data), SIZE)
    report = position_baseline(source, "train", "test")
    rows = gallery(report, source, {"student": load_model(model).label_map}, by="student")
    for row in rows:
        assert len({(one.width, one.height) for one in row.pictures}) == 1


def test_a_follower_opens_the_same_data_as_its_leader(data: Path, tmp_path: Path) -> None:
    recipe, _, source = opened(data, tmp_path, size="32x64")
    told = Recipe.model_validate(recipe.model_dump(mode="json", by_alias=True))
    assert open_source(told).digest("train") == source.digest("train")
