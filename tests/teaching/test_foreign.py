"""Foreign ONNX files with their cards: taught from as they are meant, or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from foreign_teachers import (
    ASKED,
    BIAS,
    CARD,
    CLASSES,
    expected,
    foreign_model,
    laid,
    without,
)
from onnx import TensorProto, helper

from fasterseg.datasets.pictures.resampling import resampled
from fasterseg.errors import FastersegError, FileError, UsageError
from fasterseg.teaching.class_map import probabilities
from fasterseg.teaching.grids import averaged
from fasterseg.teaching.named import teacher_named
from fasterseg.teaching.views import Averaged

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
GROUPS = ((3,), (0,), (1, 2))
"""Which channels the card maps to each of the data's classes."""


def ours_of(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The data's classes' probabilities from those of the foreign one's logits, by definition."""
    shares = probabilities(logits.astype(np.float32))
    return np.stack([shares[[*group]].sum(axis=0) for group in GROUPS])


def said(teacher: Averaged, image: np.ndarray[Any, Any] = PICTURE) -> np.ndarray[Any, Any]:
    """The probabilities that a teacher gives, on its grid."""
    return np.exp(teacher.logits(image))


def as_kept(shares: np.ndarray[Any, Any], size: tuple[int, int] = (8, 12)) -> np.ndarray[Any, Any]:
    """Probabilities at pixels, on the grid of a picture of 64 x 96."""
    return averaged(shares.astype(np.float32), size, grid="areas", picture=(64, 96))


def test_a_model_of_elsewhere_teaches_the_data_s_classes(tmp_path: Path) -> None:
    teacher = teacher_named([laid(tmp_path, foreign_model())], ASKED)
    assert (teacher.classes, teacher.stride) == (3, 8)
    found = said(teacher)
    assert found.shape == (3, 8, 12)
    np.testing.assert_allclose(found, as_kept(ours_of(expected(PICTURE))), rtol=1e-4)


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ({"last": True}, {"layout": "nhwc"}),
        ({"softmax": True}, {"output": "probabilities"}),
        ({"outputs": ["aux", "main"]}, {"output_name": "main"}),
        ({"number": TensorProto.FLOAT16}, {}),
        ({"size": (64, 96)}, {"size": "64x96"}),
        ({}, {"size": "64x96", "others": "none"}),
        ({"batch": "n"}, {"classes": dict(enumerate(CARD["classes"]))}),
    ],
    ids=["channels last", "probabilities", "two outputs", "half", "fixed", "sized", "ids"],
)
def test_however_it_is_built_it_says_the_same(
    tmp_path: Path, model: dict[str, Any], changes: dict[str, Any]
) -> None:
    file = laid(tmp_path, foreign_model(**model), {**CARD, **changes})
    by_hand = as_kept(ours_of(expected(PICTURE)))
    np.testing.assert_allclose(said(teacher_named([file], ASKED)), by_hand, rtol=0.02, atol=1e-3)


def test_colours_are_fed_in_the_order_that_the_card_says(tmp_path: Path) -> None:
    file = laid(tmp_path, foreign_model(), {**CARD, "channels": "bgr"})
    found = said(teacher_named([file], ASKED))
    np.testing.assert_allclose(found, as_kept(ours_of(expected(PICTURE, bgr=True))), rtol=1e-4)


def test_bytes_are_fed_as_they_are_where_the_file_takes_them(tmp_path: Path) -> None:
    model = foreign_model(number=TensorProto.UINT8)
    bias = next(one for one in model.graph.initializer if one.name == "weight")
    small = onnx.numpy_helper.to_array(bias) / 255
    bias.CopyFrom(onnx.numpy_helper.from_array(small, "weight"))
    file = laid(tmp_path, model, without("mean", "std"))
    values = np.einsum("ck,hwk->chw", small.reshape(CLASSES, 3), PICTURE.astype(np.float32))
    by_hand = as_kept(ours_of(values + BIAS[:, None, None]))
    np.testing.assert_allclose(said(teacher_named([file], ASKED)), by_hand, rtol=1e-3)


def test_a_file_of_one_size_is_shown_pictures_at_that_size(tmp_path: Path) -> None:
    file = laid(tmp_path, foreign_model((128, 160)), {**CARD, "size": "128x160"})
    found = said(teacher_named([file], ASKED))
    assert found.shape == (3, 8, 12), "as fine as the student's heads, and no finer"
    by_hand = ours_of(expected(resampled(PICTURE, (128, 160))))
    np.testing.assert_allclose(found, as_kept(by_hand), rtol=1e-4)


def test_a_coarse_map_is_kept_as_coarse_as_it_is(tmp_path: Path) -> None:
    file = laid(tmp_path, foreign_model((64, 96), pooled=16), {**CARD, "size": "64x96"})
    found = said(teacher_named([file], ASKED))
    assert found.shape == (3, 4, 6)
    means = expected(PICTURE).reshape(CLASSES, 4, 16, 6, 16).mean(axis=(2, 4))
    by_hand = as_kept(ours_of(means), (4, 6))
    np.testing.assert_allclose(found, by_hand, rtol=1e-4)


def test_on_a_grid_of_corners_a_small_map_is_taken_as_it_is(tmp_path: Path) -> None:
    card = {**CARD, "size": "64x96", "grid": "corners"}
    file = laid(tmp_path, foreign_model((64, 96), pooled=8), card)
    found = said(teacher_named([file], ASKED))
    means = expected(PICTURE).reshape(CLASSES, 8, 8, 12, 8).mean(axis=(2, 4))
    np.testing.assert_allclose(found / found.sum(axis=0), ours_of(means), rtol=1e-4)


def test_a_model_of_any_size_sees_pictures_at_all_scales(tmp_path: Path) -> None:
    asked = replace(ASKED, scales=(0.5, 1.0), flip=True)
    found = said(teacher_named([laid(tmp_path, foreign_model())], asked))
    assert found.shape == (3, 8, 12)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-4)


def test_its_digest_changes_with_its_file_and_with_its_card(tmp_path: Path) -> None:
    def digest(model: onnx.ModelProto, **changes: object) -> str:
        return teacher_named([laid(tmp_path, model, {**CARD, **changes})], ASKED).digest

    other = foreign_model()
    other.graph.name = "another"
    digests = [
        digest(foreign_model()),
        digest(other),
        digest(foreign_model(), channels="bgr"),
        digest(foreign_model(), mapping={**CARD["mapping"], "bike": "none"}),
        digest(foreign_model(), grid="corners"),
        digest(foreign_model(), size="64x96"),
    ]
    assert len({*digests}) == len(digests)
    assert digest(foreign_model(), pretrained="COCO") == digests[0]


def test_what_the_card_tells_of_its_training_is_passed_on(tmp_path: Path) -> None:
    card = {**CARD, "pretrained": "trained on ADE20K", "terms": "BSD-3"}
    (facts,) = teacher_named([laid(tmp_path, foreign_model(), card)], ASKED).facts
    assert facts.name == "elsewhere"
    assert facts.pretrained == "trained on ADE20K, terms: BSD-3"


Files = Callable[[], onnx.ModelProto]
WRONG_CARDS: dict[str, tuple[Files, object, str, str]] = {
    # the file, its card, what is told, what is to be done
    "no YAML": (foreign_model, "classes: [", "", "mend that line"),
    "an alias": (foreign_model, "classes: &a [x, y]\nmapping: *a", "aliases", "mend that line"),
    "empty": (foreign_model, "", "it is empty", "output: logits"),
    "a list": (foreign_model, "[road]", "it holds a list", "output: logits"),
    "another key": (foreign_model, {**CARD, "mapings": {}}, "'mapings'", "'mapping'"),
    "a key like none": (foreign_model, {**CARD, "zzz": 1}, "its keys are", "take it out"),
    "no classes": (foreign_model, without("classes"), "classes", "classes: [road, car]"),
    "no output": (foreign_model, without("output"), "output", "output: logits"),
    "another output": (
        foreign_model,
        {**CARD, "output": "probability"},
        "'output'",
        "'probabilities'",
    ),
    "another order": (foreign_model, {**CARD, "channels": "RGB"}, "'channels'", "'rgb'"),
    "one class": (foreign_model, {**CARD, "classes": ["road"]}, "two classes", "mend classes"),
    "a class twice": (
        foreign_model,
        {**CARD, "classes": ["road", "road", "a", "b"]},
        "'road' is none",
        "mend classes",
    ),
    "ids with a hole": (foreign_model, {**CARD, "classes": {0: "a", 2: "b"}}, "0, 2", "names"),
    "no size": (foreign_model, {**CARD, "size": "large"}, "'large'", "360x480"),
    "a tiny size": (foreign_model, {**CARD, "size": "8x8"}, "smaller than 32", "mend size"),
    "a mean alone": (foreign_model, without("std"), "go together", "mend the card"),
    "yes for a mean": (foreign_model, {**CARD, "mean": [True, 0, 0]}, "true or false", "mend mean"),
    "two numbers": (foreign_model, {**CARD, "mean": [0, 0]}, "'mean.2'", "three numbers"),
    "four numbers": (foreign_model, {**CARD, "mean": [0, 0, 0, 0]}, "'mean'", "three numbers"),
    "no deviation": (foreign_model, {**CARD, "std": [0, 1, 1]}, "greater than", "mend std.0"),
    "neither": (foreign_model, without("mean", "std"), "takes numbers", "mean: [0.485"),
    "a mean for bytes": (
        lambda: foreign_model(number=TensorProto.UINT8),
        CARD,
        "bytes as they are",
        "neither mean nor std",
    ),
    "an unknown class of its own": (
        foreign_model,
        {**CARD, "mapping": {**CARD["mapping"], "streat": "road"}},
        "'streat'",
        "'street'",
    ),
    "an unknown class of the data": (
        foreign_model,
        {**CARD, "mapping": {**CARD["mapping"], "bike": "persons"}},
        "'persons'",
        "'person'",
    ),
    "a class that nothing is said of": (
        foreign_model,
        {**CARD, "mapping": {"street": "road", "human": "person"}},
        "bike, heavens",
        "mapping: {bike: none, heavens: none}",
    ),
    "no class for one of the data": (
        foreign_model,
        {**CARD, "mapping": {**CARD["mapping"], "heavens": None}},
        "stands for sky",
        "mapping: {heavens: sky}",
    ),
    "too few classes": (
        foreign_model,
        {**CARD, "classes": CARD["classes"][:3], "mapping": {"human": "person"}, "others": "none"},
        "sky, road",
        "mapping: {street: sky}",
    ),
    "fewer than channels": (
        foreign_model,
        {**CARD, "classes": ["sky", "road", "person"], "mapping": {}},
        "4 classes apart, and the card names 3",
        "all 4 classes",
    ),
    "channels elsewhere": (lambda: foreign_model(last=True), CARD, "channels", "layout: nhwc"),
    "another size": (
        lambda: foreign_model((64, 96)),
        {**CARD, "size": "96x64"},
        "64x96 alone",
        "size: 64x96",
    ),
    "any size": (lambda: foreign_model((64, 96)), CARD, "64x96 alone", "size: 64x96"),
    "which output": (lambda: foreign_model(outputs=["a", "b"]), CARD, "a, b", "output_name: a"),
    "no such output": (
        lambda: foreign_model(outputs=["main", "aux"]),
        {**CARD, "output_name": "mein"},
        "'mein'",
        "output_name: main",
    ),
    "logits for probabilities": (
        foreign_model,
        {**CARD, "output": "probabilities"},
        "no probabilities",
        "output: logits",
    ),
    "probabilities for logits": (
        lambda: foreign_model(softmax=True),
        CARD,
        "probabilities already",
        "output: probabilities",
    ),
}


def told(file: Path, kind: type[FastersegError] = UsageError) -> FastersegError:
    """The error of a teacher that is refused: of four parts, and short."""
    with pytest.raises(kind) as caught:
        teacher_named([file], ASKED)
    error = caught.value
    assert all([error.what, error.where, error.why or error.next_step, error.next_step])
    assert len(str(error)) < 1200
    return error


@pytest.mark.parametrize("name", WRONG_CARDS)
def test_a_wrong_card_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    model, card, why, next_step = WRONG_CARDS[name]
    error = told(laid(tmp_path, model(), card))  # type: ignore[arg-type]
    assert why in f"{error.what} {error.why}"
    assert next_step in error.next_step
    assert "elsewhere.teacher.yaml" in error.where


def looping() -> onnx.ModelProto:
    """A file with an operator that no teacher needs."""
    model = foreign_model()
    model.graph.node.append(helper.make_node("RandomNormal", [], ["noise"], shape=[1]))
    return model


def with_nan() -> onnx.ModelProto:
    """A file that divides by nothing."""
    model = foreign_model()
    last = model.graph.node[-1]
    first = last.input[0]
    model.graph.node.insert(1, helper.make_node("Sub", [first, first], ["nothing"]))
    model.graph.node.insert(2, helper.make_node("Div", ["nothing", "nothing"], ["odd"]))
    last.input[0] = "odd"
    return model


def of_two_pictures() -> onnx.ModelProto:
    """A file that wants a second input."""
    model = foreign_model()
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    return model


FILES: dict[str, tuple[Files, str]] = {
    "labels": (lambda: foreign_model(largest=True), "labels"),
    "a batch of four": (lambda: foreign_model(batch=4), "one picture"),
    "an operator of chance": (looping, "RandomNormal"),
    "no numbers": (with_nan, "not all numbers"),
    "two inputs": (of_two_pictures, "2 inputs"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_from_which_nothing_can_be_learned_is_refused(name: str, tmp_path: Path) -> None:
    model, why = FILES[name]
    error = told(laid(tmp_path, model()), FileError)
    assert why in error.why
    assert "another teacher" in error.next_step


def test_bytes_that_are_no_model_are_refused(tmp_path: Path) -> None:
    file = laid(tmp_path, foreign_model())
    file.write_bytes(file.read_bytes()[:-50])
    assert told(file, FileError).where == str(file)


def test_a_size_that_it_does_not_run_at_is_told_with_what_to_write(tmp_path: Path) -> None:
    model = foreign_model((64, 96))
    for value in (model.graph.input[0], model.graph.output[0]):  # as if it took any size
        for place in (2, 3):
            value.type.tensor_type.shape.dim[place].dim_param = f"d{place}"
    shape = helper.make_tensor("shape", TensorProto.INT64, [4], [1, CLASSES, 48, 96])
    model.graph.initializer.append(shape)
    model.graph.node[-1].CopyFrom(
        helper.make_node("Reshape", [model.graph.node[-1].input[0], "shape"], ["scores"])
    )
    error = told(laid(tmp_path, model))
    assert "64x96" in error.what
    assert "size: 512x1024" in error.next_step


def test_a_file_of_one_size_is_not_shown_others(tmp_path: Path) -> None:
    file = laid(tmp_path, foreign_model((64, 96)), {**CARD, "size": "64x96"})
    with pytest.raises(UsageError, match="one size alone") as caught:
        teacher_named([file], replace(ASKED, scales=(1.0, 2.0)))
    assert "student.distillation.scales=[1.0]" in caught.value.next_step


def test_without_a_card_the_one_to_write_is_told(tmp_path: Path) -> None:
    file = laid(tmp_path, foreign_model((64, 96), last=True))
    (tmp_path / "elsewhere.teacher.yaml").unlink()
    error = told(file)
    assert "no elsewhere.teacher.yaml lies beside it" in error.why
    for line in ("classes: [", "mean: [", "layout: nhwc", "size: 64x96", "output: logits"):
        assert line in error.next_step
