"""An export that is not what its network is fails, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tiny_export import (
    FORM,
    SIZE,
    SOURCE,
    evidence,
    faithful,
    model_of,
    network,
    origin,
    read_back,
)
from torch import nn

from fasterseg.config import OutputForm, Precision
from fasterseg.datasets.sample import Pixels
from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard, whole_job
from fasterseg.deploy.shipping.verification import (
    OTHER_SIZES,
    Evidence,
    Subject,
    verify,
)
from fasterseg.deploy.shipping.verification_report import VerificationReport
from fasterseg.deploy.shipping.verified_export import difference_picture, save_evidence

CARD = origin().card_like(FORM)
OTHER_TRAINING = origin().bundle.card.training.model_copy(update={"images": 7}).trained_on
Edit = Callable[[onnx.ModelProto], None]


def edited(edit: Edit) -> bytes:
    """The faithful file with a change."""
    model = onnx.ModelProto.FromString(faithful())
    edit(model)
    return bytes(model.SerializeToString())


def weight_of(model: onnx.ModelProto, node: onnx.NodeProto) -> onnx.TensorProto:
    """The weight that a convolution reads."""
    return next(t for t in model.graph.initializer if t.name == node.input[1])


def change(tensor: onnx.TensorProto, numbers: np.ndarray) -> None:
    """Put other numbers into a weight."""
    changed = numpy_helper.from_array(np.ascontiguousarray(numbers), tensor.name)
    tensor.CopyFrom(changed)


def read_bgr(model: onnx.ModelProto) -> None:
    """The first convolution's weights for blue, green and red."""
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    weight = weight_of(model, first)
    change(weight, numpy_helper.to_array(weight)[:, ::-1])


def move_mean(model: onnx.ModelProto) -> None:
    """Normalise with a mean of red that is 0.05 higher."""
    shift = [t for t in model.graph.initializer if list(t.dims) == [1, 3, 1, 1]][-1]
    numbers = numpy_helper.to_array(shift).copy()
    numbers[0, 0] -= 0.05 / 0.25
    change(shift, numbers)


def resize_half_a_pixel_off(model: onnx.ModelProto) -> None:
    """Every resize on the grid that most exporters write unless told otherwise."""
    set_on_resizes(model, "coordinate_transformation_mode", "half_pixel")


def resize_to_nearest(model: onnx.ModelProto) -> None:
    """Every resize to the nearest pixel."""
    set_on_resizes(model, "mode", "nearest")


def set_on_resizes(model: onnx.ModelProto, name: str, value: str) -> None:
    """Change an attribute of every resize."""
    for node in model.graph.node:
        if node.op_type == "Resize":
            kept = [a for a in node.attribute if a.name != name]
            del node.attribute[:]
            node.attribute.extend([*kept, helper.make_attribute(name, value)])


def swap_classes(model: onnx.ModelProto) -> None:
    """Exchange the first two rows of the classifier."""
    last = [node for node in model.graph.node if node.op_type == "Conv"][-1]
    weight = weight_of(model, last)
    numbers = numpy_helper.to_array(weight)
    change(weight, numbers[[1, 0, *range(2, len(numbers))]])


def crop_a_row(model: onnx.ModelProto) -> None:
    """Look at the image one row further down, the last row repeated."""
    rows = np.array([*range(1, SIZE.height), SIZE.height - 1], dtype=np.int64)
    model.graph.initializer.append(numpy_helper.from_array(rows, "rows"))
    for node in model.graph.node:
        node.input[:] = ["cropped" if name == "image" else name for name in node.input]
    node = helper.make_node("Gather", ["image", "rows"], ["cropped"], axis=1)
    model.graph.node.insert(0, node)


def claim(card: ExportedCard) -> Edit:
    """Say something else of the file."""

    def edit(model: onnx.ModelProto) -> None:
        del model.metadata_props[:]
        model.metadata_props.add(key=METADATA_KEY, value=card.to_text())

    return edit


def without_norms() -> bytes:
    """The file of the network as if its batch norms had been left out instead of folded."""
    bare = deepcopy(origin().predictor.network)
    for part in list(bare.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(part, name, nn.Identity())
    return model_of(whole_job(bare, CARD), CARD)


def stale() -> bytes:
    """The file of other weights, which says that it is this one's."""
    return model_of(whole_job(network(1), CARD), CARD)


IGNORING = CARD.label_space.model_copy(update={"ignore": 254})
FAULTS: dict[str, Callable[[], bytes]] = {
    "BGR for RGB": lambda: edited(read_bgr),
    "another mean": lambda: edited(move_mean),
    "half a pixel off": lambda: edited(resize_half_a_pixel_off),
    "nearest": lambda: edited(resize_to_nearest),
    "batch norm left out": without_norms,
    "swapped classes": lambda: edited(swap_classes),
    "cropped by a pixel": lambda: edited(crop_a_row),
    "stale weights": lambda: edited(claim(origin(1).card_like(FORM))),
    "stale weights that say otherwise": stale,
    "another ignore value": lambda: edited(
        claim(CARD.model_copy(update={"label_space": IGNORING}))
    ),
    "another training": lambda: edited(
        claim(CARD.model_copy(update={"trained_on": OTHER_TRAINING}))
    ),
    "another size than it says": lambda: edited(claim(CARD.model_copy(update={"width": 120}))),
}


def report_on(subject: Subject, seen: Evidence | None = None) -> VerificationReport:
    """The report on a subject."""
    return verify(subject, seen or evidence())[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    report = report_on(read_back(FAULTS[fault]()))
    assert not report.passed
    assert report.exit_code == 6
    assert "FAILED" in report.describe()


def test_another_size_than_was_asked_for_is_found() -> None:
    subject = read_back(faithful())
    asked = subject.expected.model_copy(update={"width": 136})
    assert not report_on(replace(subject, expected=asked)).passed


@pytest.mark.parametrize(
    ("output", "precision"),
    [
        ("labels", "float32"),
        ("low-resolution-logits", "float32"),
        ("logits", "float16"),
        pytest.param("logits", "float32", marks=pytest.mark.slow),
        pytest.param("labels", "float16", marks=pytest.mark.slow),
        pytest.param("low-resolution-logits", "float16", marks=pytest.mark.slow),
    ],
)
def test_a_faithful_export_passes(output: OutputForm, precision: Precision) -> None:
    report = report_on(read_back(faithful(output, precision)))
    assert report.passed, report.describe()
    assert report.mean_iou is not None
    assert f"mIoU on test ({SOURCE.length('test')} images)" in report.describe()
    names = {check.name for check in report.checks}
    assert ("logits, largest difference over their range" in names) == (output != "labels")


def test_a_float16_export_does_not_pass_for_float32() -> None:
    subject = read_back(faithful("logits", "float16"))
    whole = subject.card.model_copy(update={"precision": "float32"})
    assert not report_on(replace(subject, card=whole)).passed


def test_a_file_of_any_size_runs_at_odd_sizes_too() -> None:
    card = CARD.model_copy(update={"height": None, "width": None, "output": "logits"})
    model = model_of(whole_job(origin().predictor.network, card), card, None)
    pixels: list[Pixels] = [SOURCE.sample("test", index).image for index in range(5)]
    report = report_on(read_back(model), Evidence(pixels, "street/test"))
    assert report.passed, report.describe()
    assert set(report.sizes) == {"64x128", *(f"{s.height}x{s.width}" for s in OTHER_SIZES)}
    assert any(s.height % 2 and s.width % 2 for s in OTHER_SIZES)
    lengths = onnx.ModelProto.FromString(model).graph.input[0].type.tensor_type.shape.dim
    assert [length.dim_param for length in lengths] == ["", "height", "width", ""]


def test_without_labels_nothing_is_scored_and_that_is_told() -> None:
    report = report_on(read_back(faithful()), Evidence(evidence().images, "photos"))
    assert report.passed
    assert report.mean_iou is None
    assert not any("mIoU" in check.name for check in report.checks)


def test_the_worst_difference_is_shown_and_the_report_says_where(tmp_path: Path) -> None:
    report, difference = verify(read_back(edited(swap_classes)), evidence())
    assert difference is not None
    found = save_evidence(tmp_path / "student.onnx", report, difference, CARD)
    assert Path(found.evidence) == tmp_path / "student.onnx-difference.png"
    assert Path(found.evidence).is_file()
    assert VerificationReport.load(tmp_path / "student.onnx-verification.json") == found
    picture = difference_picture(difference, CARD)
    assert picture.shape == (SIZE.height, 4 * SIZE.width + 3 * 4, 3)
    marked = picture[:, -SIZE.width :]
    red = (marked == [255, 0, 0]).all(axis=-1)
    assert (red == (difference.wanted != difference.found)).all()

    report, difference = verify(read_back(faithful()), evidence())
    save_evidence(tmp_path / "student.onnx", report, difference, CARD)
    left = [path.name for path in tmp_path.iterdir()]
    assert left == ["student.onnx-verification.json"], "no picture of what is mended"
