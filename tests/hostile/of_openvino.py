"""Hostile OpenVINO models, and names of TensorRT's engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from case import HostileFile, Place
from documents import odd_texts
from odd_exports import CODES, EVERY, FEW, file_of, specials
from stock import Stock
from ways import brought, of_model

from fasterseg.deploy.exporting.seals import MARK, sealed


def openvino_files(stock: Stock) -> Iterator[HostileFile]:
    """Files in place of an OpenVINO model and its weights."""
    few = of_model(stock, brought("m.xml"), FEW)
    every = of_model(stock, brought("m.xml"), EVERY)
    for index, (name, data) in enumerate(odd_texts()):
        yield file_of(
            f"xml: {name}", "openvino", "m.xml", lambda data=data: data, every if index < 2 else few
        )
    for name, text in _XML.items():
        yield file_of(
            f"xml {name}",
            "openvino",
            "m.xml",
            lambda text=text: text,
            few if name != "entities" else every,
        )
    for name, change in _odd_xml().items():
        yield HostileFile(
            name=f"openvino {name}",
            kind="openvino",
            write=_changed_xml(stock, change),
            ways=few,
            expect="either",
            codes=CODES,
        )
    for name, put in specials().items():
        for file in ("m.xml", "m.bin"):
            yield HostileFile(
                name=f"{file}: {name}",
                kind="openvino",
                write=lambda place, put=put, file=file: _special_openvino(stock, place, file, put),
                ways=few,
                codes=CODES,
            )
    yield HostileFile(
        name="m.bin: a link outside",
        kind="openvino",
        write=lambda place: _special_openvino(
            stock, place, "m.bin", lambda path, _: path.symlink_to(place.outside / "secret.bin")
        ),
        ways=few,
        codes=CODES,
    )


_XML: dict[str, bytes] = {
    "entities": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + b"".join(
        b'<!ENTITY a%d "&a%s;&a%s;">'
        % (n, b"%d" % (n - 1) if n else b"", b"%d" % (n - 1) if n else b"")
        for n in range(30)
    )
    + b"]><net>&a29;</net>",
    "an entity of a file": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM '
    b'"file:///etc/passwd">]><net name="&a;"/>',
    "an entity of a URL": b'<?xml version="1.0"?><!DOCTYPE x SYSTEM "http://127.0.0.1:9/x"><net/>',
    "100,000 elements deep": b"<net>" + b"<a>" * 100_000,
    "an empty network": b'<?xml version="1.0"?><net name="x" version="11"><layers/><edges/></net>',
    "a network of version 999": b'<net name="x" version="999"><layers/><edges/></net>',
    "a layer of a library": b'<net name="x" version="11"><layers><layer id="0" name="a" '
    b'type="../../outside/x.so" version="extension"/></layers><edges/></net>',
    "a layer of an escape": b'<net name="x" version="11"><layers><layer id="0" name="a" '
    b'type="&#27;[2J" version="opset1"/></layers><edges/></net>',
    "a constant of 2^60": b'<net name="x" version="11"><layers><layer id="0" name="a" type="Const" '
    b'version="opset1"><data element_type="f32" shape="1152921504606846976" offset="0" '
    b'size="4611686018427387904"/><output><port id="0" precision="FP32"><dim>4</dim></port>'
    b"</output></layer></layers><edges/></net>",
}


def _odd_xml() -> dict[str, Callable[[str], str]]:
    return {
        "with a card that is none": lambda t: t.replace("fasterseg/exported", "fasterseg/none"),
        "with an escape in a name": lambda t: t.replace('name="', 'name="&#27;[2J', 1),
        "with an operator that is none": lambda t: t.replace('type="Convolution"', 'type="Run"'),
        "with offsets beyond the end": lambda t: t.replace('offset="', 'offset="9999999'),
        "with sizes beyond the end": lambda t: t.replace(' size="', ' size="9999999'),
        "with shapes below 0": lambda t: t.replace('shape="', 'shape="-'),
        "with an edge to itself": lambda t: t.replace('to-layer="', 'to-layer="0'),
        "without edges": lambda t: t.partition("<edges>")[0] + "<edges/></net>",
        "cut in half": lambda t: t[: len(t) // 2],
        "with strides of 0": lambda t: t.replace('strides="', 'strides="0, '),
        "of float labels": lambda t: t.replace('destination_type="u8"', 'destination_type="f32"'),
    }


def _changed_xml(stock: Stock, change: Callable[[str], str]) -> Callable[[Place], object]:
    def write(place: Place) -> None:
        text = stock.openvino.read_text("utf-8")
        weights = stock.copy(stock.openvino.with_suffix(".bin"), place.brought / "m.bin")
        data = change(text).encode()
        if data.count(MARK) == 1:
            data = sealed(data, companions=[weights.read_bytes()])
        (place.brought / "m.xml").write_bytes(data)

    return write


def _special_openvino(
    stock: Stock, place: Place, file: str, put: Callable[[Path, Place], object]
) -> None:
    for suffix in (".xml", ".bin"):
        if not file.endswith(suffix):
            stock.copy(stock.openvino.with_suffix(suffix), place.brought / f"m{suffix}")
    put(place.brought / file, place)


def engines(stock: Stock) -> Iterator[HostileFile]:
    """Names of TensorRT's engines, with cards beside them."""
    ways = of_model(stock, brought("m.engine"), EVERY)
    for name, data in odd_texts():
        yield HostileFile(
            name=f"engine with a card: {name}",
            kind="engine",
            write=lambda place, data=data: (
                (place.brought / "m.engine").write_bytes(b"engine"),
                (place.brought / "m.json").write_bytes(data),
            ),
            ways=of_model(stock, brought("m.engine"), ("predict", "load_model", "verify")),
            codes=(2, 3, 4, 6),
        )
    for name, put in specials().items():
        for file in ("m.engine", "m.json"):
            yield HostileFile(
                name=f"{file}: {name}",
                kind="engine",
                write=lambda place, put=put, file=file: (
                    (place.brought / "m.engine").write_bytes(b"engine")
                    if file == "m.json"
                    else (place.brought / "m.json").write_bytes(b"{}"),
                    put(place.brought / file, place),
                ),
                ways=ways,
                codes=(2, 3, 4, 6),
            )

    yield HostileFile(
        name="m.json: a link outside",
        kind="engine",
        write=lambda place: (
            (place.brought / "m.engine").write_bytes(b"engine"),
            (place.brought / "m.json").symlink_to(place.outside / "secret.txt"),
        ),
        ways=ways,
        codes=(2, 3, 4, 6),
    )
