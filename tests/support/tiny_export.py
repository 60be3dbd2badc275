"""A small network to export, its data, and exports of it with faults in them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import onnx
import torch
from named_street import NamedStreet
from tiny_training import tiny_architecture
from torch import nn

from fasterseg.config import OutputForm, Precision
from fasterseg.datasets.transforming.transforms import Normalisation
from fasterseg.deploy.exporting.export import export_network
from fasterseg.deploy.exporting.exported_card import METADATA_KEY, ExportedCard, whole_job
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.deploy.runtimes.onnx.files import sealed_model
from fasterseg.deploy.runtimes.sessions import Session
from fasterseg.deploy.shipping.origin import Origin
from fasterseg.deploy.shipping.verification import Evidence, Subject
from fasterseg.deploy.tail.label_maps import open_tail
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.card import Card, TrainingFacts
from fasterseg.network.description import NetworkDescription
from fasterseg.network.network import WholeJob
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.space.blocks import Size

SIZE = Size(64, 128)
SOURCE = NamedStreet(None, tuple(SIZE))  # type: ignore[arg-type]
FORM = ExportForm("onnx", SIZE, SIZE)
DESCRIPTION = NetworkDescription(
    classes=SOURCE.label_space.classes, architecture=tiny_architecture()
)


def network(seed: int) -> nn.Module:
    """The network with random weights, and batch norms as after some training."""
    built = DESCRIPTION.build_seeded(seed).eval()
    generator = torch.Generator().manual_seed(seed)
    for part in built.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.normal_(0, 0.3, generator=generator)
            part.running_var.uniform_(0.3, 1.5, generator=generator)
            part.weight.data.uniform_(0.7, 1.5, generator=generator)
            part.bias.data.normal_(0, 0.3, generator=generator)
    return built


@cache
def origin(seed: int = 0) -> Origin:
    """A bundle of that network, its weights named after the seed."""
    built, normal = network(seed), Normalisation()
    card = Card(
        name="student",
        which="best",
        label_space=SOURCE.label_space,
        mean=normal.mean,
        std=normal.std,
        training=TrainingFacts(
            data="street",
            data_digest="sha256:0",
            split="train",
            images=6,
            terms="made up",
            resolution="64x128",
            steps=1,
            batch_size=1,
            seed=seed,
            precision="float32",
        ),
    )
    predictor = NetworkPredictor(built, label_space=card.label_space, normalisation=normal)
    bundle = ModelBundle(DESCRIPTION, built.state_dict(), card)
    return Origin(bundle, predictor, "student", f"sha256:bundle{seed}", f"sha256:weights{seed}")


@cache
def evidence() -> Evidence:
    """Three scenes to compare, and nine to score on."""
    images = tuple(SOURCE.sample("test", index).image for index in range(3))
    return Evidence(images, "street/test", SOURCE, "test")


def model_of(job: WholeJob, card: ExportedCard, size: Size | None = SIZE) -> bytes:
    """The ONNX file of a job with a card in it."""
    return sealed_model(export_network(job, size or SIZE, any_size=size is None), card)


def read_back(model: bytes) -> Subject:
    """A file as it is read and run, held against the network that it should be."""
    texts = {entry.key: entry.value for entry in onnx.ModelProto.FromString(model).metadata_props}
    card = ExportedCard.from_text(texts[METADATA_KEY], where="student.onnx", has_seal=True)
    tail = None if card.output == "labels" else open_tail("numpy", threads=1)
    session = Session(OnnxRuntimeBackend(threads=1).open_graph(model), card.output, tail)
    asked = replace(FORM, size=card.size, output=card.output, precision=card.precision)
    expected = origin().card_like(asked)
    return Subject(session, card, expected, origin().predictor, "student.onnx", "student")


@cache
def faithful(output: OutputForm = "labels", precision: Precision = "float32") -> bytes:
    """The file that ought to be exported."""
    card = origin().card_like(replace(FORM, output=output, precision=precision))
    return model_of(whole_job(origin().predictor.network, card), card)
