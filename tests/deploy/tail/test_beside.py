"""The two files that lie beside an export: alone, and equal to the package's tails."""

from __future__ import annotations

import ast
import builtins
import ctypes
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from compiled_tail import SANITISED, STRICT, Case, compiler, labelled, program

from fasterseg.deploy.tail.beside import C_SUFFIX, NUMPY_SUFFIX, beside, c_source, numpy_source
from fasterseg.deploy.tail.label_maps import open_tail
from fasterseg.layers.building import TailBlock

ALONE = {"__future__", "functools", "typing", "numpy"}
OUT_OF_BOUNDS, NOT_FINITE = 1, 2

Labels = npt.NDArray[Any]


@pytest.fixture(scope="module")
def numpy_file() -> ModuleType:
    """The NumPy file, imported where nothing but the standard library and NumPy is to be had."""

    def limited(name: str, *rest: Any, **others: Any) -> Any:
        assert name.partition(".")[0] in ALONE, f"the file imports {name}"
        return __import__(name, *rest, **others)

    module = ModuleType("tail")
    module.__dict__["__builtins__"] = {**vars(builtins), "__import__": limited}
    exec(compile(numpy_source(), "tail.py", "exec"), module.__dict__)
    return module


def random_cases(count: int = 100) -> Iterator[Case]:
    """Any classes and sizes, single pixels among them; noise, and logits with many ties."""
    rng = np.random.default_rng(21)
    for index in range(count):
        classes = int(rng.integers(1, 24)) if index % 20 else 300
        low, size = rng.integers(1, 14, 2), rng.integers(1, 70, 2)
        low[index % 2] = 1 if index % 7 == 0 else low[index % 2]
        size[index % 2] = 1 if index % 11 == 0 else size[index % 2]
        logits = rng.standard_normal((classes, *low)).astype(np.float32)
        scaled = (logits, np.round(2 * logits), np.sign(logits), 1e37 * logits, 1e-37 * logits)
        yield Case(
            scaled[index % 5].astype(np.float32), (int(size[0]), int(size[1])), 1 + index % 3
        )


CASES = tuple(random_cases())


@pytest.fixture(scope="module")
def expected() -> list[Labels]:
    """The labels of the package's own tail."""
    tail = open_tail("numpy", threads=1)
    return [tail(case.logits, case.size) for case in CASES]


def test_the_numpy_file_is_python_of_version_3_8() -> None:
    ast.parse(numpy_source(), feature_version=(3, 8))


def test_the_numpy_file_alone_gives_the_package_s_labels(
    numpy_file: ModuleType, expected: list[Labels]
) -> None:
    for case, labels in zip(CASES, expected, strict=True):
        found = numpy_file.label_map(case.logits, case.size)
        assert found.dtype == labels.dtype
        np.testing.assert_array_equal(found, labels)


@pytest.mark.skipif(find_spec("numba") is None, reason="Numba is not installed")
def test_the_compiled_tail_gives_these_labels_too(expected: list[Labels]) -> None:
    tail = open_tail("fast", threads=1)
    for case, labels in zip(CASES, expected, strict=True):
        np.testing.assert_array_equal(tail(case.logits, case.size), labels)


def test_labels_are_those_of_the_graph_s_tail_but_where_it_rounds_coordinates(
    expected: list[Labels],
) -> None:
    pixels = differing = 0
    for case, labels in zip(CASES, expected, strict=True):
        block: Labels = TailBlock()(torch.from_numpy(case.logits)[None], size=case.size)[0].numpy()
        assert labels.dtype == block.dtype
        has_ties = np.array_equal(case.logits, np.round(case.logits))
        if has_ties and np.abs(case.logits).max() < 100:
            continue  # of exact ties a rounded coordinate makes anything
        pixels += labels.size
        differing += int((labels != block).sum())
    assert pixels > 50_000
    assert differing <= 1e-4 * pixels


@pytest.fixture(scope="module")
def sanitised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C file, compiled to end at the first read or write out of bounds."""
    return program(tmp_path_factory.mktemp("sanitised"), *SANITISED)


def test_the_c_file_gives_the_package_s_labels_within_its_bounds(
    sanitised: Path, expected: list[Labels]
) -> None:
    for labels, found in zip(expected, labelled(sanitised, CASES), strict=True):
        assert found.fault == 0
        np.testing.assert_array_equal(found.labels, labels)


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param((*STRICT, "-O3"), id="fast"),
        pytest.param(("-std=gnu99", "-O3", "-march=native", "-Werror"), id="fused if it were let"),
    ],
)
def test_the_c_file_gives_the_package_s_labels_as_fast_as_it_can_be(
    flags: tuple[str, ...], expected: list[Labels], tmp_path: Path
) -> None:
    made = program(tmp_path, *flags)
    for labels, found in zip(expected, labelled(made, CASES), strict=True):
        assert found.fault == 0
        np.testing.assert_array_equal(found.labels, labels)


def test_the_c_file_fills_its_lists_of_tiles_and_goes_on(sanitised: Path) -> None:
    rng = np.random.default_rng(5)
    cases = [
        Case(rng.standard_normal((5, 40, 60)).astype(np.float32), (320, 480)),
        Case(rng.standard_normal((3, 2, 2)).astype(np.float32), (600, 700)),
        Case(rng.standard_normal((4, 2, 400)).astype(np.float32), (90, 3000), 2),
    ]
    tail = open_tail("numpy", threads=1)
    for case, found in zip(cases, labelled(sanitised, cases), strict=True):
        np.testing.assert_array_equal(found.labels, tail(case.logits, case.size))


def odd_logits() -> Iterator[npt.NDArray[np.float32]]:
    for value in (np.nan, np.inf, -np.inf):
        for place in ((0, 0, 0), (4, 5, 7), (2, 3, 3)):
            logits = np.random.default_rng(0).standard_normal((5, 6, 8)).astype(np.float32)
            logits[place] = value
            yield logits


def test_both_files_refuse_what_is_not_finite_as_the_package_does(
    numpy_file: ModuleType, sanitised: Path
) -> None:
    for logits in odd_logits():
        with pytest.raises(ValueError, match="NaN or infinite"):
            numpy_file.label_map(logits, (12, 16))
    cases = [Case(logits, size) for logits in odd_logits() for size in ((12, 16), (1, 1), (3, 90))]
    for found in labelled(sanitised, cases):
        assert found.fault == NOT_FINITE


def test_the_numpy_file_refuses_arrays_of_another_form_and_writes_where_it_is_told(
    numpy_file: ModuleType,
) -> None:
    logits = np.eye(4, dtype=np.float16).reshape(4, 2, 2)
    out = np.empty((9, 9), np.uint8)
    assert numpy_file.label_map(logits, (9, 9), out) is out
    np.testing.assert_array_equal(out, numpy_file.label_map(logits.astype(np.float32), (9, 9)))
    with pytest.raises(TypeError, match="float64"):
        numpy_file.label_map(logits.astype(np.float64), (9, 9))
    with pytest.raises(ValueError, match="classes, height, width"):
        numpy_file.label_map(logits[0], (9, 9))


def test_the_c_file_refuses_numbers_out_of_bounds_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "tail.c").write_bytes(c_source())
    made = tmp_path / "tail.so"
    words = [compiler(), *STRICT, "-shared", "-fPIC", "-o", str(made), str(tmp_path / "tail.c")]
    subprocess.run(words, check=True)
    library = ctypes.CDLL(str(made))
    library.fasterseg_tail_bytes.restype = ctypes.c_size_t
    good = (3, 4, 5, 6, 7)
    room = library.fasterseg_tail_bytes(*good)
    logits, work = np.zeros(good[:3], np.float32), np.empty(room, np.uint8)
    labels = np.full((6, 7), 99, np.uint8)

    def call(numbers: tuple[int, ...], part: int = 0, parts: int = 1) -> int:
        places = [ctypes.c_void_p(array.ctypes.data) for array in (logits, labels, work)]
        found: int = library.fasterseg_tail_u8(
            places[0], *numbers[:3], places[1], *numbers[3:], places[2], part, parts
        )
        return found

    bad = [(*good[:i], value, *good[i + 1 :]) for i in range(5) for value in (0, -1, 65_536)]
    for numbers in bad:
        assert library.fasterseg_tail_bytes(*numbers) == 0, numbers
        assert call(numbers) == OUT_OF_BOUNDS
    assert call((257, *good[1:])) == OUT_OF_BOUNDS
    assert {call(good, *parts) for parts in ((-1, 1), (1, 1), (0, 0))} == {OUT_OF_BOUNDS}
    assert (labels == 99).all()
    assert call(good) == 0 and (labels == 0).all()


def test_tails_are_named_after_the_whole_name_of_the_file() -> None:
    names = {
        beside(Path(f"out/student{end}"), tail).name
        for end in (".onnx", ".xml")
        for tail in (NUMPY_SUFFIX, C_SUFFIX)
    }
    assert names == {
        "student.onnx.tail.py",
        "student.onnx.tail.c",
        "student.xml.tail.py",
        "student.xml.tail.c",
    }
