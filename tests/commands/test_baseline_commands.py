"""A baseline goes through the commands that a searched network goes through."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fasterseg import load_model, load_network
from fasterseg.artifacts import digest_of_file
from fasterseg.baselines.catalogue import BASELINES
from fasterseg.baselines.pretrained import WEIGHTS
from fasterseg.cli import main
from fasterseg.commands.benchmark import benchmark
from fasterseg.commands.describe import describe
from fasterseg.commands.draw import draw
from fasterseg.commands.evaluate import evaluate
from fasterseg.commands.export import export
from fasterseg.commands.predict import predict
from fasterseg.commands.report import report
from fasterseg.commands.train import train
from fasterseg.commands.verify import verify
from fasterseg.deploy.exporting.format_table import FORMATS
from fasterseg.errors import UsageError
from fasterseg.runs import RunFolder
from fasterseg.training.beginning import TrainingStart

NAME = "baseline:fast-scnn"
EVERY = tuple(
    pytest.param(name, marks=() if name == "fast-scnn" else pytest.mark.slow) for name in BASELINES
)
# Odd on purpose: no side is a multiple of any output stride.
SETTINGS = (
    "threads=1",
    "data.street.height=63",
    "data.street.width=97",
    "data.street.train=4",
    "data.street.val=1",
    "data.street.test=2",
    "target.height=63",
    "target.width=97",
    "student.steps=3",
    "student.batch_size=2",
    "student.precision=float32",
    "student.augmentation.crop_height=47",
    "student.augmentation.crop_width=65",
)


@pytest.fixture(scope="module", params=EVERY)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def run(name: str, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run in which nothing was searched and the baseline was trained."""
    run = RunFolder(tmp_path_factory.mktemp("run"))
    torch.set_num_threads(1)
    fresh = ("student.pretrained=none",) if name in WEIGHTS else ()
    train(f"baseline:{name}", data="street", run=run.root, set=(*SETTINGS, *fresh))
    return run


@pytest.fixture
def model(name: str, run: RunFolder) -> str:
    return str(run.bundle(name))


def test_it_is_trained_by_the_students_settings_without_a_teacher_and_a_search(
    name: str, run: RunFolder
) -> None:
    start = TrainingStart.load(run.training(name).began)
    assert start.teacher == ""
    assert (start.settings.steps, start.settings.batch_size) == (3, 2)
    for which in ("best", "last", "ema"):
        assert run.bundle(name, which).is_dir()
    assert not run.search.exists()


def test_training_it_again_changes_nothing(name: str, run: RunFolder, model: str) -> None:
    before = digest_of_file(Path(model) / "weights.safetensors")
    result = train(f"baseline:{name}", run=run.root)
    assert result.bundles == {name: model}
    assert "best: mIoU" in result.describe()
    assert digest_of_file(Path(model) / "weights.safetensors") == before


def test_it_is_scored_like_any_model(name: str, run: RunFolder, model: str) -> None:
    result = evaluate(model)
    assert Path(result.file) == run.score(name, "test", which="best")
    assert (result.report.images, result.report.resolution) == (2, "63x97")


def test_it_segments_images_of_any_size(model: str, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 71, 3), dtype=np.uint8)
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels).save(tmp_path / "in" / "a.png")
    predict(model, str(tmp_path / "in"), out=tmp_path / "out")
    labels = np.array(Image.open(tmp_path / "out" / "a_labels.png"))
    assert np.array_equal(labels, load_model(model)(pixels).labels)


def test_its_network_is_loaded_by_its_bundle_alone(model: str) -> None:
    images = torch.randn(2, 3, 40, 56)
    with torch.inference_mode():
        assert load_network(model)(images).shape == (2, 9, 40, 56)
        main, *auxiliary = load_network(model, auxiliary=True)(images)
    assert auxiliary != [] and {logits.shape for logits in auxiliary} == {main.shape}


def test_it_is_described_trained_or_not(name: str, run: RunFolder, model: str) -> None:
    (named,) = describe(f"baseline:{name}", size="63x97", classes=9).networks
    (trained,) = describe(model).networks
    assert (named.title, trained.title) == (f"baseline:{name}", f"{name} (best)")
    assert (trained.size, trained.classes) == ("63x97", 9)
    assert named.parts == trained.parts
    assert describe(str(run.root)).networks == (trained,)
    network = load_network(model)
    assert sum(p.parameters for p in trained.parts) == sum(
        parameter.numel() for parameter in network.parameters()
    )


def test_what_is_not_known_of_it_is_assumed_aloud() -> None:
    (facts,) = describe(NAME).networks
    assert (facts.size, facts.classes, len(facts.notes)) == ("1024x2048", 19, 2)


def test_it_is_not_drawn(name: str, run: RunFolder, model: str) -> None:
    for given in (f"baseline:{name}", model, str(run.root)):
        with pytest.raises(UsageError, match="no architecture to draw") as caught:
            draw(given)
        assert caught.value.where == given
        assert "by hand" in caught.value.why
        assert f"fasterseg describe {given}" in caught.value.next_step


def test_its_page_tells_its_parts_and_has_no_drawing(name: str, model: str, tmp_path: Path) -> None:
    path = Path(report(model, out=tmp_path / "page.html").file)
    page = path.read_text(encoding="utf-8")
    assert f"The baseline {name}" in page
    assert all(part.name in page for part in describe(model).networks[0].parts)
    assert "<svg" not in page


def test_its_run_has_a_page(run: RunFolder, tmp_path: Path) -> None:
    assert Path(report(run.root, out=tmp_path / "index.html").file).is_file()


# Of two pixels that are equal up to rounding, another runtime may unpool the other: in flat scenes
# resized to odd sizes ENet's labels differ in more pixels than verification allows, and in float16
# anywhere.
UNPOOLS = "enet"


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "openvino", "torch"])
def test_it_is_exported_and_verified(format: str, name: str, model: str, tmp_path: Path) -> None:
    if format == "openvino":
        pytest.importorskip("openvino")
    file, dynamic = tmp_path / f"net{FORMATS[format].suffix}", name != UNPOOLS or format == "torch"
    assert export(model, format=format, dynamic=dynamic, out=file, images=2).verification.passed
    report = verify(str(file), against=model, images=2, out=tmp_path)
    assert report.passed
    assert (len(report.sizes) > 5) is dynamic


@pytest.mark.slow
def test_it_is_exported_in_float16(name: str, model: str, tmp_path: Path) -> None:
    if name == UNPOOLS:
        pytest.skip("half precision unpools elsewhere")
    file = tmp_path / "net.onnx"
    assert export(model, precision="float16", out=file, images=2).verification.passed


@pytest.mark.slow
def test_it_is_timed_beside_another(name: str, model: str) -> None:
    first, second = benchmark(
        model, NAME, size="63x97", threads=1, quick=True, backend=("onnxruntime",)
    ).report.contestants
    assert first.macs == sum(p.macs for p in describe(model).networks[0].parts[:-1])
    assert second.p50_ms.value > 0


@pytest.mark.parametrize(
    "words", [["evaluate", NAME], ["predict", NAME, "a.png"], ["report", NAME]]
)
def test_untrained_it_is_refused_with_what_to_do(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--json"]) == 2
    error = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert "fasterseg train baseline:fast-scnn" in str(error)


def test_an_unknown_baseline_leaves_no_run_behind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no baseline 'fast-scn'"):
        train("baseline:fast-scn", data="street", run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_it_takes_no_architecture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes no architecture"):
        train(NAME, architecture="any.json", run=tmp_path, set=SETTINGS)


def test_a_contender_of_its_name_is_refused(tmp_path: Path) -> None:
    contender = "contenders=[{name: fast-scnn, role: student}]"
    with pytest.raises(UsageError, match="a contender of this recipe"):
        train(NAME, run=tmp_path, set=(*SETTINGS, contender))
