"""A network of the open spaces' kinds is in every exported file what it is as a module."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
import torch
from tiny_export import FORM, evidence
from tiny_export import origin as tiny_origin
from torch import nn

from fasterseg.config import SearchSpace
from fasterseg.deploy.exporting.export import export_network
from fasterseg.deploy.exporting.exported_card import whole_job
from fasterseg.deploy.exporting.tracing import traced
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.deploy.shipping.origin import Origin
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.description import NetworkDescription
from fasterseg.network.network import WholeJob
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture

SPACE = SearchSpace(
    preset="small",
    layers=6,
    kinds={
        "cells": {
            8: ("separable_conv", "inverted_r3"),
            16: ("inverted_r3", "inverted_r6"),
            32: ("conv_x2_residual",),
        },
        "stem": ("separable_conv",),
        "context": ("pyramid_pooling",),
        "fusion.join": ("add",),
        "fusion.refine": ("separable_conv",),
        "head": ("separable_head",),
    },
)
OTHER_ENDS = {"context.32": "image_pooling", "fusion.32.join.16": "pass", "head": "point_head"}
ODD_SIZES = [Size(64, 128), Size(45, 77), Size(9, 4), Size(1, 6)]
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}


def member(**kinds: str) -> Architecture:
    drawn = random_architecture(Options.of_space(SPACE), Random(0)).content()
    return Architecture.model_validate({**drawn, "kinds": {**drawn["kinds"], **kinds}})


def as_after_training(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.normal_(0, 0.2, generator=generator)
            part.running_var.uniform_(0.5, 2, generator=generator)
            part.weight.data.uniform_(0.5, 1.5, generator=generator)
            part.bias.data.normal_(0, 0.3, generator=generator)
    return network.eval()


def origin(architecture: Architecture) -> Origin:
    """A bundle of the architecture, otherwise that of the tiny network."""
    whole = tiny_origin()
    label_space = whole.bundle.card.label_space
    description = NetworkDescription(classes=label_space.classes, architecture=architecture)
    built = as_after_training(description.build_seeded(0))
    normal = whole.bundle.card.normalisation
    predictor = NetworkPredictor(built, label_space=label_space, normalisation=normal)
    bundle = ModelBundle(description, built.state_dict(), whole.bundle.card)
    return replace(whole, bundle=bundle, predictor=predictor)


@pytest.fixture(scope="module")
def job() -> WholeJob:
    built = origin(member())
    return whole_job(built.predictor.network, built.card_like(FORM)).eval()


def test_the_traced_whole_job_gives_the_networks_labels(job: WholeJob) -> None:
    image = torch.from_numpy(evidence().images[0])[None]
    graph = OnnxRuntimeBackend(threads=1).open_graph(traced(job, [image]))
    with torch.inference_mode():
        expected = job(image).numpy()
    (found,) = graph.session.run(None, {"in0": image.numpy()})
    assert len(np.unique(expected)) > 1
    assert (found == expected).mean() > 0.999


@pytest.mark.slow
def test_a_graph_of_any_size_has_the_networks_logits_at_odd_ones_and_few_nodes_more() -> None:
    for architecture in (member(), member(**OTHER_ENDS)):
        network = origin(architecture).predictor.network
        job = WholeJob(
            network, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), output="low-resolution-logits"
        ).eval()
        model = export_network(job, Size(64, 128), any_size=True)
        graph = OnnxRuntimeBackend(threads=1).open_graph(model)
        generator = torch.Generator().manual_seed(1)
        for size in ODD_SIZES:
            image = torch.randint(0, 256, (1, *size, 3), generator=generator).byte()
            with torch.inference_mode():
                expected = job(image).numpy()
            (found,) = graph.session.run(None, {"image": image.numpy()})
            np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
        nodes = Counter(node.op_type for node in onnx.load_from_string(model).graph.node)
        assert nodes["MatMul"] <= 5 and nodes["BatchNormalization"] == 0
        assert nodes["Greater"] == nodes["Less"] == 2, "one matrix for each side of the map"


def test_a_bundle_of_open_kinds_is_read_again(tmp_path: Path) -> None:
    whole = origin(member())
    found = ModelBundle.load(whole.bundle.save(tmp_path / "bundle"))
    assert found.description.architecture == member()
    assert found.tensors.keys() == whole.bundle.tensors.keys()


def test_all_kinds_that_are_meant_stand_in_what_is_exported() -> None:
    geometry = Geometry(Size(64, 128), 9)
    kinds = {
        step.spec.kind
        for architecture in (member(), member(**OTHER_ENDS))
        for step in wire(architecture, geometry).steps
    }
    told = {"separable_conv", "conv_x2_residual", "pyramid_pooling", "image_pooling"}
    told |= {"lift", "add", "pass", "sum", "separable_head", "point_head"}
    assert told <= kinds
    assert kinds & {"inverted_r3", "inverted_r6"}


@pytest.mark.slow  # the traced job is the short form
@pytest.mark.parametrize("kinds", [{}, OTHER_ENDS], ids=["pyramid", "others"])
@pytest.mark.parametrize(
    ("kind", "precision", "any_size"),
    [
        ("onnx", "float32", False),
        ("onnx", "float16", False),
        ("onnx", "float32", True),
        ("openvino", "float32", False),
        ("torch", "float32", False),
        ("torch", "float32", True),
    ],
)
def test_an_export_gives_the_networks_labels(
    kind: str, precision: str, any_size: bool, kinds: dict[str, str], tmp_path: Path
) -> None:
    if kind == "openvino":
        pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    form = replace(FORM, format=kind, precision=precision)  # type: ignore[arg-type]
    form = replace(form, size=None) if any_size else form
    report = ship(origin(member(**kinds)), form, tmp_path / f"student{SUFFIXES[kind]}", evidence())
    assert report.verification.passed
