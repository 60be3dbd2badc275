"""What Python's callers give is taken as it is meant, or told before anything is computed."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
import pytest
import torch

import fasterseg
from fasterseg.console.options import OptionsOfADevice
from fasterseg.console.python_calls import NotMeant, as_meant, for_python
from fasterseg.errors import UsageError
from fasterseg.verbs import VERBS

MODEL = Path("models/student.onnx")


def test_a_list_of_which_one_is_none_is_not_to_be_unpacked() -> None:
    with pytest.raises(UsageError, match="precision is to be several of these") as caught:
        fasterseg.benchmark("camvid-8ms", precision=["fp16"])  # type: ignore[list-item]
    assert "*names" not in caught.value.next_step
    assert not caught.value.why


@pytest.mark.parametrize(
    ("hint", "given", "meant"),
    [
        (str, MODEL, "models/student.onnx"),
        (str, 0, "0"),
        (str, np.float32(0.5), "0.5"),
        (str | None, None, None),
        (str | None, torch.device("cuda:1"), "cuda:1"),
        (int, "4", 4),
        (int, 1e6, 1_000_000),
        (int | None, np.int64(3), 3),
        (float, "1.5", 1.5),
        (float | None, 8, 8.0),
        (bool, np.bool_(True), True),
        (Path | str, MODEL, MODEL),
        (Path | str, "x", "x"),
        (tuple[str, ...], "onnxruntime", ("onnxruntime",)),
        (tuple[str, ...], ["a", MODEL], ("a", "models/student.onnx")),
        (tuple[Path, ...], "a.pt", (Path("a.pt"),)),
        (Sequence[str], "8ms", "8ms"),
        (Sequence[str], 8, ("8",)),
        (Sequence[str], [8.0, "80fps"], ("8.0", "80fps")),
        (str | tuple[int, int], "360x480", "360x480"),
        (str | tuple[int, int], np.array([360, 480]), (360, 480)),
        (str | tuple[int, int], ["360", 480], (360, 480)),
        (Literal["a", "b"], "a", "a"),
        (Any, MODEL, MODEL),
        (Sequence[Any], [len], (len,)),
    ],
)
def test_a_value_is_taken_as_its_parameter_wants_it(hint: Any, given: Any, meant: Any) -> None:
    found = as_meant(hint, given)
    assert found == meant and type(found) is type(meant)


@pytest.mark.parametrize(
    ("hint", "given"),
    [
        (str, None),
        (str, ["a", "b"]),
        (str, np.zeros((2, 2, 3), dtype=np.uint8)),
        (str, True),
        (str, object()),
        (int, "a few"),
        (int, 1.5),
        (int, True),
        (int, None),
        (float, "8h"),
        (float | None, [1.0]),
        (bool, 1),
        (bool, "no"),
        (Literal["float32", "int8"], "fp16"),
        (Literal["float32", "int8"], ["int8"]),
        (Literal["float32", "int8"], np.array(["int8", "int8"])),
        (tuple[int, int], 96),
        (tuple[str, ...], [None]),
        (str | tuple[int, int], (1, 2, 3)),
    ],
)
def test_what_cannot_be_meant_is_not_taken(hint: Any, given: Any) -> None:
    with pytest.raises(NotMeant):
        as_meant(hint, given)


@pytest.mark.parametrize(
    ("call", "what", "advice"),
    [
        (lambda: fasterseg.predict("m", ["a.jpg"]), "source is to be text or a path", "once for"),
        (
            lambda: fasterseg.train(["student"]),
            "contenders is to be text",
            "fasterseg.train(*names)",
        ),
        (
            lambda: fasterseg.plan(hours="a night"),
            "hours is to be a number",
            "help(fasterseg.plan)",
        ),
        (lambda: fasterseg.evaluate(None), "model is to be text or a path", "help("),
        (lambda: fasterseg.load_model(None), "model is to be", "help(fasterseg.load_model)"),
        (lambda: fasterseg.export("m", precision="fp16"), "one of 'float32', 'float16'", "help("),
        (lambda: fasterseg.evaluate("m", seed="one"), "seed is to be a whole number", "help("),
    ],
)
def test_a_call_that_cannot_be_meant_is_told_in_four_parts(
    call: Any, what: str, advice: str
) -> None:
    with pytest.raises(UsageError) as caught:
        call()
    assert what in str(caught.value) and advice in caught.value.next_step
    assert caught.value.where.startswith("fasterseg.")


def test_a_model_that_was_loaded_already_is_named_by_its_file() -> None:
    class Predictor:
        def labels(self) -> None:
            """As predictors have it."""

    with pytest.raises(UsageError) as caught:
        fasterseg.predict(Predictor(), "photos")
    assert "that it was loaded from" in caught.value.next_step


def test_none_stands_for_what_is_left_out() -> None:
    def verb(
        path: str,
        *,
        out: Path | str = "",
        count: int | None = 3,
        **options: Unpack[OptionsOfADevice],
    ) -> Any:
        return path, out, count, options

    given: Any = {"out": None, "count": None, "device": None, "json": None}
    assert for_python(verb)("a", **given) == ("a", "", 3, {})
    assert for_python(verb)("a", nothing=None) == ("a", "", 3, {"nothing": None})


def test_a_call_without_what_is_needed_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="model"):
        fasterseg.evaluate()


@pytest.mark.parametrize("name", [verb.function for verb in VERBS] + ["load_model"])
def test_a_public_function_stays_what_it_is(name: str) -> None:
    function = getattr(fasterseg, name)
    within = function.__wrapped__
    assert function.__doc__ == within.__doc__
    assert inspect.signature(function) == inspect.signature(within)
    assert pickle.loads(pickle.dumps(function)) is function
