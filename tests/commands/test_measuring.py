"""A deployed network: the file that was written is the one that is timed and scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from fake_run import SIZE, FakeRun
from onnx import TensorProto, helper, numpy_helper

from fasterseg.artifacts import digest_of_file
from fasterseg.commands import measuring
from fasterseg.commands.measuring import Deployed, deploy_bundle
from fasterseg.deploy.measuring import Beat, Meter, WindowSettings
from fasterseg.deploy.onnx_runtime import OnnxRuntimeBackend, OnnxSession
from fasterseg.evaluation import ConfusionMatrix


class Whimsical(OnnxRuntimeBackend):
    """A backend whose every export is another model, with labels of its own."""

    exports = 0

    def open_network(self, job: Any, size: Any) -> OnnxSession:
        """A model of fixed labels, drawn anew for each export."""
        type(self).exports += 1
        return self.open_model(fixed_labels(type(self).exports))


class Quick(Meter):
    """Measures against nothing: exporting a reference takes seconds."""

    @property
    def beat(self) -> Beat:  # type: ignore[override]
        """A call that does nothing."""
        return Beat(lambda: None)


def labels_of(export: int) -> npt.NDArray[np.uint8]:
    """The labels that an export gives for every image."""
    return np.random.default_rng(export).integers(0, 9, (1, *SIZE), dtype=np.uint8)


def fixed_labels(export: int) -> bytes:
    """A model from an image, which it does not look at, to the labels of that export."""
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, [1, *SIZE, 3])
    labels = helper.make_tensor_value_info("labels", TensorProto.UINT8, [1, *SIZE])
    known = numpy_helper.from_array(labels_of(export), "known")
    node = helper.make_node("Identity", ["known"], ["labels"])
    graph = helper.make_graph([node], "fixed", [image], [labels], [known])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    serialised: bytes = model.SerializeToString()
    return serialised


@pytest.fixture
def fake(tmp_path: Path) -> FakeRun:
    """A run up to its trained student."""
    return FakeRun(until="train", teacher=False, layers=3)


def deployed(fake: FakeRun, folder: Path, file: Path) -> Deployed:
    """The student of a run, deployed to a file."""
    run = fake.write(folder)
    meter, geometry = Quick(Whimsical(threads=1)), fake.geometry()
    return deploy_bundle(
        run.bundle("student"),
        file,
        meter=meter,
        geometry=geometry,
        source=fake.source,
        split="test",
    )


def test_the_file_that_is_written_is_what_is_timed_and_scored(
    fake: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Whimsical, "exports", 0)
    monkeypatch.setattr(measuring, "windows_for", lambda ms: WindowSettings(4, 8, 1))
    file = tmp_path / "student.onnx"

    found = deployed(fake, tmp_path / "run", file)

    session = Whimsical(threads=1).open_model(file.read_bytes())
    truth = ConfusionMatrix(fake.source.label_space.classes)
    for index in range(fake.source.length("test")):
        sample = fake.source.sample("test", index)
        truth.update(session.run(sample.image), sample.labels, ignore=255)
    assert found.report is not None
    assert np.array_equal(found.report.confusion, truth.counts)
    assert found.digest == found.latency.digest == digest_of_file(file)
