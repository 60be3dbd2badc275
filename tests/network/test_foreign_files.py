"""The authors' files are read as Python's own unpickler would, and nothing else of them is."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fasterseg.errors import FileError
from fasterseg.network.foreign_files import read_numbers, read_tensors
from fasterseg.network.pickled.reading import MOST_STEPS, read_pickle
from fasterseg.network.pickled.values import PickleFault

PROTOCOLS = range(5)
HEADER = b"\x93NUMPY\x01\x00\x76\x00{'descr': '|O', 'fortran_order': False, 'shape': (), }"
HEADER = HEADER.ljust(127) + b"\n"


def table(pickled: bytes) -> bytes:
    """A NumPy file of one object."""
    return HEADER + pickled


def saved(content: Any, *, old: bool = False, protocol: int = 2) -> bytes:
    """What torch.save writes."""
    stream = io.BytesIO()
    torch.save(content, stream, pickle_protocol=protocol, _use_new_zipfile_serialization=not old)
    return stream.getvalue()


def with_pickle(pickled: bytes) -> bytes:
    """An archive of PyTorch with another pickle in it."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved({"a": torch.arange(6.0)}))) as whole,
        zipfile.ZipFile(stream, "w") as made,
    ):
        for name in whole.namelist():
            made.writestr(name, pickled if name.endswith("data.pkl") else whole.read(name))
    return stream.getvalue()


def tensor_of(
    offset: int = 0,
    shape: tuple[int, ...] = (6,),
    strides: tuple[int, ...] = (1,),
    *,
    count: int = 6,
    kind: str = "Float",
    key: str = "0",
) -> bytes:
    """The opcodes of a tensor."""
    plain = [pickle.dumps(one, 2)[2:-1] for one in (offset, shape, strides)]
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(("
        + pickle.dumps("storage", 2)[2:-1]
        + f"ctorch\n{kind}Storage\n".encode()
        + b"".join(pickle.dumps(one, 2)[2:-1] for one in (key, "cpu", count))
        + b"tQ"
        + b"".join(plain)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def named(*tensors: bytes) -> bytes:
    """A pickled dictionary of tensors."""
    names = [pickle.dumps(f"n{index}", 2)[2:-1] for index in range(len(tensors))]
    items = b"".join(name + one for name, one in zip(names, tensors, strict=True))
    return b"\x80\x02}(" + items + b"u."


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / "file.bin"
        path.write_bytes(data)
        return path

    return write


# ---- what is read -------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.float16, np.int64, int])
def test_a_table_of_any_protocol_and_kind_of_number_is_read(
    written: Callable[[bytes], Path], protocol: int, kind: Callable[[float], Any]
) -> None:
    content = {"a": kind(2.5), "b_é": kind(0), "-1e3": kind(-7)}
    pickled = pickle.dumps(np.array(content, dtype=object), protocol)
    for data in (table(pickled), table(pickle.dumps(content, protocol))):
        assert read_numbers(written(data)) == {key: float(n) for key, n in content.items()}


def test_a_table_of_python_2_is_read(written: Callable[[bytes], Path]) -> None:
    scalar = (
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR"
        b"(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbS'\\x00\\x00\\x00\\x00\\x00\\x00\\xf8?'\ntR"
    )
    first = b"(dp0\nS'a_H1'\np1\nF1.25\nsS\"it's\"\n" + scalar + b"sS'n'\nL12L\ns."
    second = (
        b"\x80\x02}q\x01(U\x04a_H1q\x02G" + struct.pack(">d", 1.25) + b"T\x01\0\0\0nM\x02\x01u."
    )
    assert read_numbers(written(table(first))) == {"a_H1": 1.25, "it's": 1.5, "n": 12.0}
    assert read_numbers(written(table(second))) == {"a_H1": 1.25, "n": 258.0}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_tensors_are_read_as_they_were_saved(
    written: Callable[[bytes], Path], old: bool, protocol: int
) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    state = network.state_dict()
    base = torch.arange(12, dtype=torch.int16)
    other = {
        "half": torch.ones(2, 3).half(),
        "bfloat": torch.ones(3).bfloat16(),
        "truth": torch.tensor([True, False]),
        "nothing": torch.zeros(0, 5),
        "scalar": torch.tensor(7),
        "part": base[4:8],
        "same": base[4:8],
        "rest": base[8:].reshape(2, 2),
        "parameter": network[0].weight,
        "number": 3,
        "of numpy": np.float32(2.5),
    }
    assert isinstance(state, OrderedDict)
    for content in (state, other):
        found = read_tensors(written(saved(content, old=old, protocol=protocol)))
        assert found.keys() == content.keys()
        for name, value in content.items():
            if not isinstance(value, torch.Tensor):
                assert found[name] == value
                continue
            tensor = found[name]
            assert isinstance(tensor, torch.Tensor)
            assert tensor.dtype == value.dtype and torch.equal(tensor, value)


@pytest.mark.parametrize("old", [False, True])
def test_tensors_in_any_order_of_their_dimensions_are_read(
    old: bool, written: Callable[[bytes], Path]
) -> None:
    def plain() -> torch.Tensor:
        return torch.arange(2.0 * 3 * 4 * 5).reshape(2, 3, 4, 5)

    content = {
        "turned": plain().permute(3, 1, 0, 2),
        "channels last": plain().to(memory_format=torch.channels_last),
        "of one": torch.arange(6.0).reshape(3, 1, 2).permute(1, 2, 0),
        "flat": plain()[0, 0].T,
        "a part": plain()[1].permute(2, 0, 1),
    }
    found = read_tensors(written(saved(content, old=old)))
    for name, tensor in content.items():
        read = found[name]
        assert isinstance(read, torch.Tensor)
        assert torch.equal(read, tensor)
        assert read.is_contiguous()


def test_tensors_share_no_memory(written: Callable[[bytes], Path]) -> None:
    base = torch.zeros(4)
    found = read_tensors(written(saved({"a": base, "b": base})))
    assert isinstance(found["a"], torch.Tensor) and isinstance(found["b"], torch.Tensor)
    found["a"] += 1
    assert found["b"].sum() == 0


# ---- what is refused ----------------------------------------------------------------------------

OBJECTS = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tU\1btR"
OF_OBJECTS = b"cnumpy\ndtype\n(U\2O8K\0K\1tR(K\3U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"


@pytest.mark.parametrize(
    ("pickled", "said"),
    [
        (b"\x80\x02cposix\nsystem\nU\1:\x85R.", "asks for 'posix.system'"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "asks for 'posix.system'"),
        (b"(S':'\niposix\nsystem\n.", "step b'i'"),
        (b"(cposix\nsystem\no.", "asks for"),
        (b"\x80\x02\x82\x01.", "step"),
        (b"\x80\x02ccollections\nOrderedDict\n)R.", "asks for"),
        (b"\x80\x02U\1xQ.", "refers to something outside"),
        (b"Px\n.", "step b'P'"),
        (b"\x80\x05N.", "protocol 5"),
        # a state that claims five objects and has one
        (b"\x80\x02" + OBJECTS + b"(K\1K\5\x85" + OF_OBJECTS + b"\x89]}atb.", "holds an array"),
        (b"\x80\x02" + OBJECTS + b"(K\1)" + OF_OBJECTS + b"\x89]tb.", "holds an array"),
        (b"\x80\x02}r\0\0\0\x10.", "no value"),
        (b"\x80\x02}j\0\0\0\x10.", "not kept"),
        (b"\x80\x02]" + b"(" * 200 + b".", "without end"),
        (b"\x80\x02" + b"]" * 100_000 + b".", "without end"),
        (b"\x80\x02]q\0" + b"]h\0a" * 100_000 + b"0.", "steps|without end"),
        (b"\x80\x02}X\x01\0\0\0aG\x7f\xf8\0\0\0\0\0\0s.", "no finite number"),
        (b"\x80\x02}X\x01\0\0\0aG\x7f\xf0\0\0\0\0\0\0s.", "no finite number"),
        (b"}S'a'\nFnan\ns.", "numbers is none"),
        (b"}S'a'\nF1e999\ns.", "no finite number"),
        (b"}S'a'\nI" + b"9" * 5000 + b"\ns.", "too long|is none"),
        (b"}S'a'\nL" + b"9" * 4000 + b"L\ns.", "numbers is none"),
        (b"\x80\x02}X\x01\0\0\0a\x8b\0\0\0\x01" + b"1" * 40 + b"s.", "step"),
        (b"\x80\x02}X\xff\xff\xff\xff", "texts has 4294967295 bytes"),
        (b"\x80\x04\x8d" + b"\xff" * 8 + b"a", "texts has"),
        (b"\x80\x02}X\x02\0\0\0\xed\xa0K\1s.", "no UTF-8"),
        (b"}V\\ud800\nI1\ns.", "damaged"),
        (b"}S'\\q'\nI1\ns.", "damaged"),
        (b"\x80\x02}X\x01\0\0\0a\x88s.", "no number"),
        (b"\x80\x02}X\x01\0\0\0aX\x01\0\0\0bs.", "no number"),
        (b"\x80\x02}K\1K\1s.", "names is a int"),
        (b"\x80\x02}(X\x01\0\0\0aK\1X\x01\0\0\0aK\2u.", "twice"),
        (b"\x80\x02]q\0h\0a.", "a list, not a dictionary"),
        (b"\x80\x02}X\x01\0\0\0aK\1s.more", "bytes follow"),
        (b"\x80\x02}X\x01\0\0\0aK\1", "ends too early"),
        (b"\x80\x02u.", "no mark"),
        (b"\x80\x02s.", "too few"),
        (b"", "ends too early"),
    ],
)
def test_a_table_that_is_no_dictionary_of_numbers_is_refused(
    written: Callable[[bytes], Path], pickled: bytes, said: str
) -> None:
    if said == "no value":  # a large number for a thing kept takes no room: read as it is
        assert read_numbers(written(table(pickled))) == {}
        return
    with pytest.raises(FileError, match=said):
        read_numbers(written(table(pickled)))


def test_a_pickle_has_a_limit_of_steps() -> None:
    with pytest.raises(PickleFault, match="steps"):
        read_pickle(b"N" + b"q\0" * MOST_STEPS + b".", known=())


@pytest.mark.parametrize(
    ("pickled", "said"),
    [
        (named(tensor_of(count=1 << 40)), "bytes; .* are the most"),
        (named(tensor_of(shape=(1 << 62, 4), strides=(4, 1))), "odd shape"),
        (named(tensor_of(shape=(0, 1 << 70), strides=(1, 1))), "odd shape"),
        (named(tensor_of(shape=(7,))), "more numbers than its storage"),
        (named(tensor_of(offset=1)), "more numbers than its storage"),
        (named(tensor_of(offset=-1)), "odd shape"),
        (named(tensor_of(shape=(-6,))), "odd shape"),
        (named(tensor_of(shape=(1,) * 9, strides=(1,) * 9)), "odd shape"),
        (named(tensor_of(shape=(6,), strides=(0,))), "follow each other"),
        (named(tensor_of(shape=(2, 2), strides=(3, 1))), "follow each other"),
        (named(tensor_of(shape=(2, 2), strides=(1, 3))), "follow each other"),
        (named(tensor_of(shape=(2, 3), strides=(-3, 1))), "odd shape|follow each other"),
        (named(tensor_of(shape=(2, 3), strides=(1,))), "follow each other"),
        (named(tensor_of(shape=(2, 3), strides=(3, 1, 1))), "follow each other"),
        (named(tensor_of(shape=(4,)), tensor_of(2, (4,))), "share some"),
        (named(tensor_of(), tensor_of(kind="Int")), "in two ways"),
        (named(tensor_of(count=5, shape=(5,))), "another size"),
        (named(tensor_of(kind="Quantised")), "asks for"),
        (named(tensor_of(key="../../x")), "not described as PyTorch does"),
        (named(tensor_of(), tensor_of(key="7")), "storages are not those"),
        (named(), "storages are not those"),
        (named(b"ctorch._utils\n_rebuild_tensor_v2\n)R"), "not described as PyTorch does"),
        (named(b"K\1", b"N"), "neither tensor nor number"),
    ],
)
def test_a_tensor_that_is_not_wholly_its_own_is_refused(
    written: Callable[[bytes], Path], pickled: bytes, said: str
) -> None:
    with pytest.raises(FileError, match=said):
        read_tensors(written(with_pickle(pickled)))


def test_the_pickles_of_these_tests_are_read_where_they_are_sound(
    written: Callable[[bytes], Path],
) -> None:
    sound = named(tensor_of(shape=(2,)), tensor_of(2, (2, 2), (2, 1)), tensor_of(shape=(2,)))
    found = read_tensors(written(with_pickle(sound)))
    assert torch.equal(torch.as_tensor(found["n1"]), torch.tensor([[2.0, 3.0], [4.0, 5.0]]))


def test_an_old_file_whose_storages_do_not_fit_is_refused(
    written: Callable[[bytes], Path],
) -> None:
    whole = saved({"a": torch.arange(6.0)}, old=True)
    for data in (
        whole[:-1],
        whole + b"\0",
        whole.replace(b"\x06\0\0\0\0\0\0\0", b"\x05" + bytes(7)),
    ):
        with pytest.raises(FileError):
            read_tensors(written(data))


def test_an_archive_with_more_in_it_than_tensors_is_refused(
    written: Callable[[bytes], Path],
) -> None:
    stream = io.BytesIO(saved({"a": torch.arange(6.0)}))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("archive/code/__torch__.py", "import os")
    with pytest.raises(FileError, match="archive of something else"):
        read_tensors(written(stream.getvalue()))


SEEDS = (
    table(pickle.dumps(np.array({"a": np.float64(1), "b": 2.0}, dtype=object), 0)),
    table(pickle.dumps(np.array({"a": np.float64(1), "b": 2.0}, dtype=object), 4)),
    saved({"a": torch.arange(6.0), "b": np.float32(1)}, old=True),
    with_pickle(named(tensor_of(), tensor_of())),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SEEDS), st.data())
def test_whatever_is_changed_is_read_or_refused_in_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, seed: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(seed) - 1))
    cut = data.draw(st.integers(0, 12))
    changed = seed[:at] + data.draw(st.binary(max_size=12)) + seed[at + cut :]
    path = tmp_path_factory.getbasetemp() / "changed.bin"
    path.write_bytes(changed)
    try:
        (read_numbers if seed.startswith(b"\x93") else read_tensors)(path)
    except FileError as error:
        assert len(str(error).splitlines()) == 4
