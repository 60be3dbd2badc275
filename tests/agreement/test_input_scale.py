"""A network at an input scale: built, exported and trained as its wiring says, at any size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from given_logits import segmentation_loss
from small_spaces import make_space
from tiny_export import FORM, evidence, network
from tiny_export import origin as tiny_origin
from tiny_training import tiny_architecture

from fasterseg.deploy.exporting.bordering import Bordered, bare
from fasterseg.deploy.exporting.borders import bare_input, border_shares, bordered_inputs
from fasterseg.deploy.exporting.exported_card import whole_job
from fasterseg.deploy.exporting.tracing import traced
from fasterseg.deploy.runtimes.onnx.cpu import OnnxRuntimeBackend
from fasterseg.deploy.shipping.origin import Origin
from fasterseg.deploy.shipping.verified_export import ship
from fasterseg.learning.losses import OhemSettings
from fasterseg.network.bundle import ModelBundle
from fasterseg.network.description import NetworkDescription
from fasterseg.network.network import Network, WholeJob
from fasterseg.network.predicting import NetworkPredictor
from fasterseg.reporting.described import Subject, facts_of
from fasterseg.reporting.drawing import draw_svg
from fasterseg.reporting.listing import draw_text
from fasterseg.space.architecture import Architecture, Geometry, wire
from fasterseg.space.blocks import Size
from fasterseg.space.input_scale import Scale
from fasterseg.space.options import Options
from fasterseg.space.sampling import random_architecture

SIZES = [Size(64, 96), Size(45, 77), Size(9, 4), Size(1, 6), Size(1, 1)]
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "torch": ".pt2"}


def at(scale: str, member: Architecture) -> Architecture:
    return Architecture.model_validate({**member.content(), "input_scale": scale})


def member(seed: int = 0) -> Architecture:
    return random_architecture(Options.of_space(make_space(4)), Random(seed))


def origin(scale: str) -> Origin:
    """The tiny network at an input scale."""
    whole = tiny_origin()
    architecture = at(scale, tiny_architecture())
    built = Network(architecture, whole.bundle.card.label_space.classes).eval()
    built.load_state_dict(network(0).state_dict())
    description = NetworkDescription(classes=built.classes, architecture=architecture)
    predictor = NetworkPredictor(
        built,
        label_space=whole.predictor.label_space,
        normalisation=whole.bundle.card.normalisation,
    )
    bundle = ModelBundle(description, built.state_dict(), whole.bundle.card)
    return replace(whole, bundle=bundle, predictor=predictor)


@pytest.mark.parametrize("scale", ["3/4", "1/2", "2/3"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_block_has_the_size_of_its_step_and_labels_have_the_images(
    scale: str, size: Size
) -> None:
    built = Network(at(scale, member()), classes=3).eval()
    wiring = wire(built.architecture, Geometry(size, 3))
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = built._features(images)
        main, auxiliary = built.heads(images)
        whole, widened = built.with_auxiliary(images)
    for step in wiring.steps:
        expected = (2, step.spec.out_channels, *step.spec.out_size)
        assert tuple(features[step.name].shape) == expected, step.name
    assert main.shape[-2:] == wiring.border[1].spec.in_size
    for step in wiring.auxiliary:
        assert auxiliary[step.placement.slot.out_stride].shape[-2:] == step.spec.out_size
    assert {logits.shape[-2:] for logits in (whole, *widened.values())} == {tuple(size)}
    job = WholeJob(built, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)).eval()
    assert job(torch.zeros(2, *size, 3, dtype=torch.uint8)).shape == (2, *size)


def test_it_is_the_network_of_the_image_resized_corner_on_corner() -> None:
    scaled, plain = (Network(at(s, member()), classes=3).eval() for s in ("3/4", "1"))
    plain.load_state_dict(scaled.state_dict())
    images = torch.randn(1, 3, 45, 77, generator=torch.Generator().manual_seed(0))
    smaller = Size(45, 77).scaled(Scale.parse("3/4"))
    resized = F.interpolate(images, size=tuple(smaller), mode="bilinear", align_corners=True)
    with torch.inference_mode():
        found, expected = scaled.low_resolution(images), plain.low_resolution(resized)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_losses_are_taken_at_the_labels_size_and_reach_every_weight() -> None:
    built = Network(at("1/2", member()), classes=3).train()
    labels = torch.randint(0, 3, (2, 45, 77), generator=torch.Generator().manual_seed(1))
    main, auxiliary = built.heads(torch.randn(2, 3, 45, 77))
    loss = segmentation_loss(
        main, auxiliary, labels, ignore=255, auxiliary_weight=0.4, hard_pixels=OhemSettings()
    )
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in built.parameters())


def test_the_traced_whole_job_gives_the_networks_labels() -> None:
    job = whole_job(origin("3/4").predictor.network, tiny_origin().card_like(FORM)).eval()
    image = torch.from_numpy(evidence().images[0])[None]
    graph = OnnxRuntimeBackend(threads=1).open_graph(traced(job, [image]))
    with torch.inference_mode():
        expected = job(image).numpy()
    (found,) = graph.session.run(None, {"in0": image.numpy()})
    assert len(np.unique(expected)) > 1
    assert (found == expected).mean() > 0.999


@pytest.mark.slow  # the one above is the short form
@pytest.mark.parametrize(
    ("kind", "precision"),
    [("onnx", "float32"), ("onnx", "float16"), ("openvino", "float32"), ("torch", "float32")],
)
def test_an_export_gives_the_networks_labels(kind: str, precision: str, tmp_path: Path) -> None:
    if kind == "openvino":
        pytest.importorskip("openvino", reason="the extra 'openvino' is not installed")
    form = replace(FORM, format=kind, precision=precision)  # type: ignore[arg-type]
    report = ship(origin("3/4"), form, tmp_path / f"student{SUFFIXES[kind]}", evidence())
    assert report.verification.passed


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "torch"])
@pytest.mark.parametrize("output", ["labels", "low-resolution-logits"])
def test_an_export_of_any_size_gives_them_at_odd_sizes_too(
    kind: str, output: str, tmp_path: Path
) -> None:
    form = replace(FORM, format=kind, size=None, output=output)  # type: ignore[arg-type]
    report = ship(origin("3/4"), form, tmp_path / f"student{SUFFIXES[kind]}", evidence())
    assert report.verification.passed
    assert len(report.verification.sizes) > 3


def test_a_bundle_keeps_the_scale(tmp_path: Path) -> None:
    whole = origin("1/2")
    path = whole.bundle.save(tmp_path / "bundle")
    found = ModelBundle.load(path)
    assert found.description.architecture == at("1/2", tiny_architecture())


def test_the_step_is_timed_between_the_image_and_a_convolution() -> None:
    rescale = wire(at("3/4", member()), Geometry(Size(31, 33), 3)).steps[0].spec
    shares = border_shares(rescale)
    (behind,) = shares
    assert (behind.content, behind.size, shares[behind]) == ("image", Size(24, 25), 1.0)
    backend = OnnxRuntimeBackend(threads=1)
    for module, numbers in (
        (Bordered(rescale).eval(), bordered_inputs(rescale)),
        (bare(behind).eval(), [bare_input(behind)]),
    ):
        inputs = [torch.from_numpy(array) for array in numbers]
        found = backend.open_graph(traced(module, inputs)).session.run(None, {"in0": numbers[0]})
        with torch.inference_mode():
            expected = module(*inputs).numpy()
        np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-4)


def test_drawings_show_the_step_and_the_size_at_which_the_network_works() -> None:
    geometry = Geometry(Size(360, 480), 11)
    svg, text = (draw(at("3/4", member()), geometry) for draw in (draw_svg, draw_text))
    assert 'data-step="rescale"' in svg
    assert "resize" in svg
    assert ">34×45<" in svg  # an eighth of 270x360
    for drawn in (svg, text.replace("x", "×")):
        assert "for 360×480 images (resized to 270×360) and 11 classes" in drawn


def test_a_description_says_the_scale_and_counts_what_is_computed() -> None:
    geometry = Geometry(Size(64, 96), 3)
    whole, half = (facts_of(Subject("found", at(s, member())), geometry) for s in ("1", "1/2"))
    assert "64x96 at input scale 1/2, 3 classes" in half.describe()
    assert "scale" not in whole.describe()
    assert half.total.macs == wire(at("1/2", member()), geometry).macs < 0.3 * whole.total.macs
    assert half.total.parameters == whole.total.parameters
