"""Hostile files in the authors' formats: architectures, weights, latency tables."""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from case import HostileFile, Place
from documents import ESCAPE
from official_files import DATA, TABLE
from stock import Stock
from ways import brought, out, way

ARCH = way("import-official", "--arch", brought("x.pt"), "--out", out("o"))
WEIGHTS = way(
    *("import-official", "--arch", DATA / "arch_1.pt", "--weights", brought("x.pt")),
    *("--out", out("o")),
)
PRICES = way("import-official", "--table", brought("x.npy"), "--out", out("o"))


class _Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def payloads(place: Place) -> dict[str, Any]:
    """Objects whose unpickling would leave a mark."""
    import builtins
    import subprocess

    mark = str(place.mark)
    return {
        "os.system": _Calls(os.system, f"touch {mark}"),
        "subprocess.Popen": _Calls(subprocess.Popen, ["touch", mark]),
        "exec": _Calls(builtins.exec, f"open({mark!r}, 'w')"),
        "eval": _Calls(builtins.eval, f"open({mark!r}, 'w')"),
        "open": _Calls(open, mark, "w"),
        "Path.touch": _Calls(Path.touch, Path(mark)),
        "os.mkdir": _Calls(os.mkdir, mark),
        "__import__": _Calls(__import__, "antigravity"),
    }


_NAMES = (
    *("os.system", "subprocess.Popen", "exec", "eval", "open", "Path.touch", "os.mkdir"),
    "__import__",
)


def official(_: Stock) -> Iterator[HostileFile]:
    """Pickles that run code, and those that cost."""
    for name in _NAMES:
        for form, wrap in {
            "raw": lambda o: pickle.dumps({"a": o}, 2),
            "zip": lambda o: torch_zip(pickle.dumps({"alpha_1_0": o}, 2)),
            "old": lambda o: torch_old({"alpha_1_0": o}),
            "protocol 5": lambda o: torch_zip(pickle.dumps({"alpha_1_0": o}, 5)),
        }.items():
            yield _pt(
                f"{form} with {name}",
                lambda place, name=name, wrap=wrap: wrap(payloads(place)[name]),
            )
        yield _npy(
            f"table with {name}",
            lambda place, name=name: npy_head() + pickle.dumps({"a": payloads(place)[name]}, 2),
        )
    for name, code in opcodes().items():
        yield _pt(f"opcodes: {name}", lambda place, code=code: torch_zip(code))
        yield _npy(f"opcodes: {name}", lambda place, code=code: npy_head() + code)
    for name, data in zips().items():
        yield _pt(f"archive: {name}", lambda place, data=data: data())
    for name, data in tables().items():
        yield _npy(f"table: {name}", lambda place, data=data: data())
    for name, put in {
        "a named pipe": lambda path, place: os.mkfifo(path),
        "a device": lambda path, place: path.symlink_to("/dev/zero"),
        "a folder": lambda path, place: path.mkdir(),
        "a sparse gigabyte": lambda path, place: _sparse(path),
    }.items():
        for file, ways in (("x.pt", {"arch": ARCH, "weights": WEIGHTS}), ("x.npy", {"t": PRICES})):
            yield HostileFile(
                name=f"{file}: {name}",
                kind="official",
                write=lambda place, file=file, put=put: put(place.brought / file, place),
                ways=ways,
            )


def _sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate((1 << 30) - 1)


def _pt(name: str, data: Callable[[Place], bytes]) -> HostileFile:
    return HostileFile(
        name=f"pt {name}",
        kind="official",
        write=lambda place: (place.brought / "x.pt").write_bytes(data(place)),
        ways={"import-arch": ARCH, "import-weights": WEIGHTS},
        codes=(2, 3),
    )


def _npy(name: str, data: Callable[[Place], bytes]) -> HostileFile:
    return HostileFile(
        name=f"npy {name}",
        kind="official",
        write=lambda place: (place.brought / "x.npy").write_bytes(data(place)),
        ways={"import-table": PRICES},
        codes=(2, 3),
    )


def npy_head() -> bytes:
    """The head of the authors' table."""
    whole = TABLE.read_bytes()
    return whole[: whole.index(b"\n") + 1]


def torch_zip(code: bytes, more: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """What torch.save writes, around a pickle of one's own."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", code)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
        for name, data in more:
            archive.writestr(name, data)
    return stream.getvalue()


def torch_old(content: Any) -> bytes:
    """What torch.save wrote before it wrote archives."""
    magic, protocol = 0x1950A86A20F9469CFC6C, 1001
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    parts = [magic, protocol, system, content, []]
    return b"".join(pickle.dumps(part, 2) for part in parts)


def opcodes() -> dict[str, bytes]:
    """Pickles that no pickler writes."""
    key = b"X\x01\x00\x00\x00a"
    return {
        "nothing": b"",
        "only a stop": b".",
        "no stop": b"\x80\x02}",
        "a memo of 2^28": b"\x80\x02}r\x00\x00\x00\x10.",
        "a memo of 2^31": b"\x80\x02}r\xff\xff\xff\x7f.",
        "a memo that is not there": b"\x80\x02h\x07.",
        "a text of 2 GB": b"\x80\x02X\xff\xff\xff\x7fabc.",
        "bytes of 2^60": b"\x80\x04\x8e\x00\x00\x00\x00\x00\x00\x00\x10abc.",
        "a frame of 2^60": b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x10}.",
        "a long of 2^31": b"\x80\x02\x8b\xff\xff\xff\x7f\x01.",
        "a long of a megabyte": b"\x80\x02}"
        + key
        + b"\x8b\x40\x42\x0f\x00"
        + b"\x7f" * 1_000_000
        + b"s.",
        "digits of a long": b"\x80\x02}" + key + b"L" + b"9" * 100_000 + b"L\ns.",
        "digits of an integer": b"\x80\x02}" + key + b"I" + b"9" * 100_000 + b"\ns.",
        "a float of text": b"\x80\x02}" + key + b"Fnan\ns.",
        "a float of infinity": b"\x80\x02}" + key + b"Finf\ns.",
        "100,000 lists": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
        "100,000 tuples": b"\x80\x02)" + b"\x85" * 100_000 + b".",
        "a million marks": b"\x80\x02" + b"(" * 1_000_000 + b".",
        "doublings": b"\x80\x02]q\x00" + b"".join(b"(h%ch%cl" % (0, 0) for _ in range(2)) + b".",
        "a dictionary in itself": b"\x80\x02}q\x00" + key + b"h\x00s.",
        "a list in itself": b"\x80\x02]q\x00h\x00a.",
        "an instance": b"\x80\x02(ios\nsystem\n.",
        "an object": b"\x80\x02(cos\nsystem\no.",
        "a global by its stack": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.",
        "an extension": b"\x80\x02\x82\x01.",
        "a persistent name": b"\x80\x02P../../outside/secret.txt\n.",
        "a persistent value": b"\x80\x02X\x01\x00\x00\x00aQ.",
        "a build": b"\x80\x02}}X\x09\x00\x00\x00__class__X\x01\x00\x00\x00bsb.",
        "a reduction of a dictionary": b"\x80\x02}(tR.",
        "a new object": b"\x80\x02cnumpy\nndarray\n)\x81.",
        "an array of objects": _object_array(),
        "protocol 255": b"\x80\xff}.",
        "an unhashable key": b"\x80\x02}]K\x01s.",
        "an unknown opcode": b"\x80\x02\xff.",
        "a buffer out of band": b"\x80\x05\x97.",
        "a popped mark": b"\x80\x021.",
        "an empty pop": b"\x80\x020.",
        "an escaping name": b"\x80\x02}" + pickle.dumps(ESCAPE, 2)[2:-1] + b"K\x01s.",
        "an escaping global": b"\x80\x02cos\x1b[2J\nsystem\n.",
        "a codec": b"\x80\x02c_codecs\nlookup\nX\x05\x00\x00\x00utf-8\x85R.",
        "a codec of a bomb": b"\x80\x02c_codecs\ndecode\nX\x01\x00\x00\x00a"
        b"X\x03\x00\x00\x00zip\x86R.",
        "a nested load": b"\x80\x02ctorch\nload\nX\x01\x00\x00\x00x\x85R.",
        "getattr": b"\x80\x02cbuiltins\ngetattr\nX\x00\x00\x00\x00X\x06\x00\x00\x00format\x86R.",
        "a numpy load": b"\x80\x02cnumpy\nload\nX\x0b\x00\x00\x00/etc/passwd\x85R.",
        "a storage of 2^40": _storage(1 << 40),
        "a storage below 0": _storage(-1),
        "a million keys": b"\x80\x02}("
        + b"".join(b"X\x07\x00\x00\x00%07dK\x01" % n for n in range(1_000_000))
        + b"u.",
        "zeros": bytes(1_000),
        "a pickle behind it": b"\x80\x02}.cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
    }


def _storage(numbers: int) -> bytes:
    """Logits over a storage that claims so many numbers."""
    size = b"\x8a\x08" + numbers.to_bytes(8, "little", signed=True)
    return (
        b"\x80\x02}X\x09\x00\x00\x00alpha_1_0ctorch._utils\n_rebuild_tensor_v2\n"
        b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
        + size
        + b"tQK\x00K\x10K\x05\x86K\x05K\x01\x86\x89ccollections\nOrderedDict\n)RtRs."
    )


def _object_array() -> bytes:
    """A NumPy array whose state says that its bytes are five objects, of a list of one."""
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85c_codecs\nencode\n"
        b"X\x01\x00\x00\x00bX\x06\x00\x00\x00latin1\x86R\x87R(K\x01K\x05\x85cnumpy\ndtype\n"
        b"X\x02\x00\x00\x00O8K\x00K\x01\x87R(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff"
        b"\xffK?tb\x89]K\x01atb."
    )


def zips() -> dict[str, Callable[[], bytes]]:
    """Archives that lie."""
    plain = (DATA / "arch_1.pt").read_bytes

    def many(count: int) -> bytes:
        return torch_zip(b"\x80\x02}.", [(f"archive/data/{n}", b"") for n in range(count)])

    def bomb() -> bytes:
        stream = BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            archive.writestr("archive/data.pkl", bytes(1_500_000_000))
        return stream.getvalue()

    def twice() -> bytes:
        stream = BytesIO()
        import warnings

        with zipfile.ZipFile(stream, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            archive.writestr("archive/data.pkl", b"\x80\x02}.")
            archive.writestr(
                "archive/data.pkl", b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."
            )
        return stream.getvalue()

    def method(number: int) -> bytes:
        data = bytearray(torch_zip(b"\x80\x02}."))
        at = data.index(b"PK\x01\x02")
        data[8:10] = data[at + 10 : at + 12] = struct.pack("<H", number)
        return bytes(data)

    return {
        "a bomb of 1.5 GB": bomb,
        "a record twice": twice,
        "100,000 records": lambda: many(100_000),
        "a step up": lambda: torch_zip(b"\x80\x02}.", [("../../outside/x", b"x")]),
        "a name from the root": lambda: torch_zip(b"\x80\x02}.", [("/etc/x", b"x")]),
        "an escaping name": lambda: torch_zip(b"\x80\x02}.", [(ESCAPE, b"x")]),
        "a strange method": lambda: method(99),
        "an encrypted record": lambda: torch_zip(b"\x80\x02}.").replace(
            b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x01\x00", 1
        ),
        "something before it": lambda: b"#!/bin/sh\n" + plain(),
        "something behind it": lambda: plain() + bytes(1_000_000),
        "a program of TorchScript": lambda: torch_zip(
            b"\x80\x02}.",
            [("archive/code/__torch__.py", b"import os\n"), ("archive/constants.pkl", b"")],
        ),
        "half of it": lambda: plain()[:900],
        "only an end": lambda: b"PK\x05\x06" + bytes(18),
        "an end that says 65,535": lambda: b"PK\x05\x06" + b"\xff" * 18,
    }


def tables() -> dict[str, Callable[[], bytes]]:
    """Files in place of the authors' table."""

    def of(content: Any) -> bytes:
        return npy_head() + pickle.dumps(content, 2)

    key = "conv_H128_W256_Cin64_Cout64_stride1_dilation1"

    def head(text: str) -> bytes:
        data = text.encode()
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(data)) + data

    return {
        "a price of NaN": lambda: of({key: float("nan")}),
        "a price of infinity": lambda: of({key: float("inf")}),
        "a price below 0": lambda: of({key: -1.0}),
        "a price of 1e308": lambda: of({key: 1e308}),
        "a price of 10^30": lambda: of({key: 10**30}),
        "a price of text": lambda: of({key: "cheap"}),
        "a price of a list": lambda: of({key: [1.0]}),
        "a price of true": lambda: of({key: True}),
        "a key of 5,000 digits": lambda: of({f"conv_H{'9' * 5_000}_W256_Cin64": 1.0}),
        "a key of an escape": lambda: of({ESCAPE: 1.0}),
        "a key that is a number": lambda: of({1: 1.0}),
        "a key below 0": lambda: of({"conv_H-128_W256_Cin64_Cout64_stride1_dilation1": 1.0}),
        "a key of 10^18": lambda: of({f"conv_H{10**18}_W256_Cin64_Cout64_stride1_dilation1": 1.0}),
        "no key": lambda: of({}),
        "200,000 keys": lambda: of({f"conv_H{n}_W256_Cin64": 1.0 for n in range(200_000)}),
        "a list": lambda: of([1.0]),
        "a header of code": lambda: head(
            "{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': ()}\n"
        ),
        "a header of 60,000 brackets": lambda: head("(" * 60_000),
        "a header of a shape of 2^62": lambda: head(
            "{'descr': '|O', 'fortran_order': False, 'shape': (4611686018427387904,)}\n"
        ),
        "a header of a wide type": lambda: head(
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}\n"
        ),
        "a header of a record type": lambda: head(
            "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': ()}\n"
        ),
        "a header of no keys": lambda: head("{}\n"),
        "version 9": lambda: b"\x93NUMPY\x09\x00" + TABLE.read_bytes()[8:],
        "version 2 of 4 GB": lambda: b"\x93NUMPY\x02\x00" + b"\xff" * 4 + b"{}",
        "an archive": (DATA / "student_expected.npz").read_bytes,
        "half of it": lambda: TABLE.read_bytes()[: TABLE.stat().st_size // 2],
        "only its mark": lambda: b"\x93NUMPY",
    }
