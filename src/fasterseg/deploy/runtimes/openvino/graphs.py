"""OpenVINO's own files of unknown origin: read strictly, and written anew for OpenVINO to read.

Its reader is lenient, so it never sees a stranger's text: what was understood here, layers and
edges and no more, is written again.  Notes on layers are left out; the card is read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from math import prod
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from fasterseg.deploy.runtimes.untrusted.plain_graphs import Array, Dims, Graph, Node, Value
from fasterseg.deploy.runtimes.untrusted.plain_operators import OPENVINO
from fasterseg.deploy.runtimes.untrusted.wire import NotPlain

MOST_XML_BYTES = 32 << 20
MOST_TAGS = 600_000
MOST_NAME = 1000
VERSIONS = ("11",)

_DECLARATIONS = re.compile(rb"<!(?!--)|<\?(?!xml )|\0")
_OPSET = re.compile(r"opset[0-9]{1,2}")
_TYPES = {
    "f32": "float32", "f16": "float16", "f64": "float64", "boolean": "bool",
    **{f"{sign}{bits}": f"{word}{bits}" for sign, word in (("u", "uint"), ("i", "int"))
       for bits in (8, 16, 32, 64)},
    "fp32": "float32", "fp16": "float16", "fp64": "float64", "bool": "bool",
}  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """A layer: its operator, what is said of it, and the names of what it reads and gives."""

    type: str
    data: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    ports: Mapping[str, Element]


@dataclass(frozen=True)
class OpenvinoText:
    """What an .xml holds: its graph, as far as it goes without the weights, and its card."""

    layers: Mapping[str, Layer]
    card: str | None
    anew: bytes


def written_anew(data: bytes) -> bytes:
    """The text that OpenVINO reads, of one that was looked at before."""
    return read_text(data).anew


def read_text(data: bytes) -> OpenvinoText:
    """What an .xml holds; raises `NotPlain` for what is none, or holds more than a plain graph."""
    net = _tree(data)
    _require_children(net, {"layers", "edges", "rt_info", "meta_data"})
    if net.get("version") not in VERSIONS:
        raise NotPlain(f"it is of OpenVINO's version {ascii(net.get('version'))[:40]}")
    anew = Element("net", name="network", version=net.attrib["version"])
    layers, edges = (_one(net, name) for name in ("layers", "edges"))
    _copy_layers(layers, SubElement(anew, "layers"))
    _copy_edges(edges, SubElement(anew, "edges"))
    cards = net.findall("./rt_info/fasterseg")
    if len(cards) > 1:
        raise NotPlain("it holds two cards")
    return OpenvinoText(
        layers=_joined(anew),
        card=cards[0].get("value") if cards else None,
        anew=ElementTree.tostring(anew, encoding="unicode").encode(),
    )


def plain_graph(text: OpenvinoText, weights: bytes) -> Graph:
    """The graph of both files; raises `NotPlain`, with the reason, for one that is not run."""
    layers = text.layers
    shapes: dict[str, tuple[int, ...]] = {}
    numbers: dict[str, Array] = {}
    for layer in layers.values():
        if layer.type == "Const":
            name = layer.outputs[0] if layer.outputs else ""
            numbers[name] = _numbers(layer.data, weights)
            shapes[name] = numbers[name].shape
    graph = Graph(
        image=_image(layers),
        output=_output(layers),
        nodes=[_node(layers[one]) for one in _order(layers)],
        constants=shapes,
        constant=numbers.__getitem__,
        types=frozenset(str(array.dtype) for array in numbers.values()),
    )
    graph.require_plain(OPENVINO)
    return graph


def _tree(data: bytes) -> Element:
    if len(data) > MOST_XML_BYTES or data.count(b"<") > MOST_TAGS:
        raise NotPlain("it has more parts than any network needs")
    if _DECLARATIONS.search(data):
        raise NotPlain("it declares types or entities, which no model needs")
    try:
        net = ElementTree.fromstring(data.decode("utf-8"))
    except (UnicodeDecodeError, ElementTree.ParseError, ValueError) as error:
        raise NotPlain(f"it is no XML, or only a part of it: {error}") from error
    if net.tag != "net":
        raise NotPlain("it is no model of OpenVINO's")
    return net


def _require_children(element: Element, allowed: set[str]) -> None:
    for child in element:
        if child.tag not in allowed:
            raise NotPlain(f"it has a part that plain networks have not: {child.tag[:60]!a}")


def _one(net: Element, name: str) -> Element:
    found = net.findall(name)
    if len(found) != 1:
        raise NotPlain(f"it has {len(found)} parts called {name}")
    return found[0]


def _copy(element: Element, parent: Element) -> Element:
    """The element again, without what is within it."""
    if any(len(text) > MOST_NAME for one in element.items() for text in one):
        raise NotPlain(f"a name in it has more than {MOST_NAME:,} letters")
    return SubElement(parent, element.tag, element.attrib)


def _copy_layers(layers: Element, anew: Element) -> None:
    _require_children(layers, {"layer"})
    for layer in layers:
        _require_children(layer, {"data", "input", "output", "rt_info"})
        copied = _copy(layer, anew)
        if not _OPSET.fullmatch(layer.get("version", "")):
            raise NotPlain(f"it has operators of its own: {layer.get('version', '')[:60]!a}")
        for part in (part for part in layer if part.tag != "rt_info"):
            if copied.find(part.tag) is not None:
                raise NotPlain(f"a layer has two parts called {part.tag}")
            _copy_ports(part, _copy(part, copied))


def _copy_ports(part: Element, anew: Element) -> None:
    _require_children(part, set() if part.tag == "data" else {"port"})
    for port in part:
        _require_children(port, {"dim", "rt_info"})
        copied = _copy(port, anew)
        for dim in port.findall("dim"):
            _require_children(dim, set())
            _copy(dim, copied).text = str(_whole(dim.text))


def _copy_edges(edges: Element, anew: Element) -> None:
    _require_children(edges, {"edge"})
    for edge in edges:
        _require_children(edge, set())
        _copy(edge, anew)


def _joined(net: Element) -> dict[str, Layer]:
    """The layers by their ids, each input with the name of what it reads."""
    sources: dict[tuple[str | None, str | None], str] = {}
    for edge in net.iterfind("edges/edge"):
        end = edge.get("to-layer"), edge.get("to-port")
        if end in sources:
            raise NotPlain("an input is joined to two layers")
        sources[end] = f"{edge.get('from-layer')}:{edge.get('from-port')}"
    layers: dict[str, Layer] = {}
    for layer in net.iterfind("layers/layer"):
        one = layer.get("id", "")
        if one in layers:
            raise NotPlain("two layers have the same number")
        data = layer.find("data")
        ports = {side: layer.findall(f"{side}/port") for side in ("input", "output")}
        given = {f"{one}:{port.get('id')}": port for port in ports["output"]}
        reads = [sources.pop((one, port.get("id")), "") for port in ports["input"]]
        if "" in reads or len(given) < len(ports["output"]):
            raise NotPlain("an input of a layer is joined to nothing, or an output is there twice")
        layers[one] = Layer(
            type=layer.get("type", ""),
            data={} if data is None else dict(data.attrib),
            inputs=tuple(reads),
            outputs=tuple(given),
            ports={**given, **dict(zip(map(str, range(len(reads))), ports["input"], strict=True))},
        )
    if sources:
        raise NotPlain("an edge leads to no layer")
    return layers


def _order(layers: Mapping[str, Layer]) -> Iterator[str]:
    """The layers that compute, each after those that it reads."""
    sorter = TopologicalSorter(
        {one: [name.partition(":")[0] for name in layer.inputs] for one, layer in layers.items()}
    )
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        raise NotPlain("its layers wait for each other") from error
    if len(order) > len(layers):
        raise NotPlain("a layer reads one that is not there")
    return (one for one in order if layers[one].type not in ("Parameter", "Const", "Result"))


def _node(layer: Layer) -> Node:
    axis = layer.data.get("axis")
    return Node(layer.type, layer.inputs, layer.outputs, None if axis is None else _whole(axis))


def _image(layers: Mapping[str, Layer]) -> Value:
    layer = _only(layers, "Parameter")
    if len(layer.outputs) != 1:
        raise NotPlain("its input gives more than an image")
    shape = layer.data.get("shape", "")
    dims: Dims = tuple(
        None if "?" in one or ".." in one or one.strip() == "-1" else _whole(one)
        for one in shape.split(",")
    )
    return Value(layer.outputs[0], _type(layer.data.get("element_type", "")), dims)


def _output(layers: Mapping[str, Layer]) -> Value:
    layer = _only(layers, "Result")
    if len(layer.inputs) != 1:
        raise NotPlain("its output does not come from one layer")
    port = layer.ports["0"]
    dims: Dims = tuple(None if dim.text == "-1" else _whole(dim.text) for dim in port)
    source = layers.get(layer.inputs[0].partition(":")[0])
    kind = "" if source is None else source.ports[layer.inputs[0]].get("precision", "")
    return Value(layer.inputs[0], _type(kind), dims)


def _only(layers: Mapping[str, Layer], kind: str) -> Layer:
    found = [layer for layer in layers.values() if layer.type == kind]
    if len(found) != 1:
        raise NotPlain(f"it has {len(found)} layers of the kind {kind}, and 1 is wanted")
    return found[0]


def _numbers(data: Mapping[str, str], weights: bytes) -> Array:
    """A constant's numbers, which lie in the .bin at their full size, and are numbers."""
    kind = np.dtype(_type(data.get("element_type", "")))
    shape = [_whole(one) for one in data.get("shape", "").split(",") if one.strip()]
    offset, size = (_whole(data.get(key)) for key in ("offset", "size"))
    if min(shape, default=0) < 0 or prod(shape) * kind.itemsize != size:
        raise NotPlain("a constant does not have as many numbers as it says")
    if offset < 0 or offset + size > len(weights):
        raise NotPlain("a constant lies outside of the .bin")
    found = np.frombuffer(weights, kind, prod(shape), offset).reshape(shape)
    bad = np.isnan(found) if found.size == 1 else ~np.isfinite(found)
    if kind.kind == "f" and bad.any():
        raise NotPlain("a constant holds what is no number")
    return found


def _type(name: str) -> str:
    found = _TYPES.get(name.lower())
    if found is None:
        raise NotPlain(f"it holds {name[:40]!a}, not whole or floating-point numbers")
    return found


def _whole(text: str | None) -> int:
    if text is None or not re.fullmatch(r"\s*-?[0-9]{1,18}\s*", text):
        raise NotPlain("a number in it is none")
    return int(text)
