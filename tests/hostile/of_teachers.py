"""Hostile teachers: cards of foreign files, and foreign files whose card is honest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from case import Expected, HostileFile, Place
from documents import BIDI, ESCAPE
from odd_exports import specials
from of_recipes import TEXTS
from onnx_graphs import (
    Change,
    constant_far,
    foreign_operator,
    initializer_far,
    microsoft_operator,
    with_external,
    with_if,
    with_loop,
    with_node,
    with_range,
    with_resize,
    with_tile,
)
from stock import Stock
from ways import brought, of_model

WAYS = ("train-teacher",)
FILE, CARD = "m.onnx", "m.teacher.yaml"


def _honest() -> dict[str, Any]:
    """The card of a file that knows the built-in scenes' classes."""
    from fasterseg.datasets.street.scenes import STREET_LABELS

    whole = {"mean": [0.5] * 3, "std": [0.25] * 3, "output": "logits"}
    return {"classes": [*STREET_LABELS.names], **whole}


def _model() -> Any:
    from foreign_teachers import foreign_model

    return foreign_model(classes=len(_honest()["classes"]))


def teachers(stock: Stock) -> Iterator[HostileFile]:
    """Files and cards in place of a foreign teacher's."""
    ways = of_model(stock, brought(FILE), WAYS)

    def file_of(name: str, write: Callable[[Place], object], **how: Any) -> HostileFile:
        return HostileFile(name=f"teacher {name}", kind="teacher", write=write, ways=ways, **how)

    for name, text in TEXTS.items():
        yield file_of(f"with a card: {name}", _with_card(text))
    for name, changes in ODD_CARDS.items():
        yield file_of(f"with a card of {name}", _with_changes(changes))
    for name, put in specials().items():
        yield file_of(f"with a card: {name}", _with_special(put))
    for name, change in GRAPHS.items():
        expect: Expected = "either" if name in MAY_TEACH else "refused"
        yield file_of(f"of a graph {name}", _with_graph(change), expect=expect)


def _with_card(text: bytes) -> Callable[[Place], object]:
    def write(place: Place) -> None:
        (place.brought / FILE).write_bytes(_model().SerializeToString())
        (place.brought / CARD).write_bytes(text)

    return write


def _with_changes(changes: dict[str, Any]) -> Callable[[Place], object]:
    def write(place: Place) -> None:
        content = {**_honest(), **changes}
        _with_card(yaml.safe_dump(content, allow_unicode=True).encode())(place)

    return write


def _with_special(put: Callable[[Path, Place], object]) -> Callable[[Place], object]:
    def write(place: Place) -> None:
        (place.brought / FILE).write_bytes(_model().SerializeToString())
        put(place.brought / CARD, place)

    return write


def _with_graph(change: Change) -> Callable[[Place], object]:
    def write(place: Place) -> None:
        model = _model()
        change(model, place)
        (place.brought / FILE).write_bytes(model.SerializeToString())
        (place.brought / CARD).write_text(yaml.safe_dump(_honest()))

    return write


ODD_CARDS: dict[str, dict[str, Any]] = {
    "60,000 classes": {"classes": [f"c{number}" for number in range(60_000)]},
    "an escape in a class": {"classes": [ESCAPE, "b"]},
    "a turn in a class": {"classes": [BIDI, "b"]},
    "an escape in a mapping": {"mapping": {ESCAPE: "road"}},
    "an escape in what it means": {"mapping": {"road": ESCAPE}},
    "an escape in an output's name": {"output_name": ESCAPE},
    "a huge mean": {"mean": [1e30] * 3},
    "a deviation of nothing": {"std": [0, 0, 0]},
    "a huge size": {"size": "99999x99999"},
    "a size of nothing": {"size": "0x0"},
    "a megabyte of terms": {"terms": "x" * 900_000},
}

GRAPHS: dict[str, Change] = {
    "with weights outside": with_external("../outside/secret.bin"),
    "with weights in the current folder": with_external("canary.bin"),
    "with weights of a device": with_external("/dev/zero"),
    "with a constant of a branch in the current folder": with_if(constant_far),
    "with weights of a branch in the current folder": with_if(initializer_far),
    "with a foreign operator": with_node("Run", ["picture"], ["x"], domain="com.example"),
    "with a foreign operator of a branch": with_if(foreign_operator),
    "with a Microsoft operator": with_if(microsoft_operator),
    "with a random node": with_node("RandomNormal", [], ["x"], shape=[4]),
    "with a cycle": lambda m, p: (
        with_node("Relu", ["b"], ["a"])(m, p),
        with_node("Relu", ["a"], ["b"])(m, p),
    ),
    "without nodes": lambda m, _: m.graph.ClearField("node"),
    "without outputs": lambda m, _: m.graph.ClearField("output"),
    "without weights": lambda m, _: m.graph.ClearField("initializer"),
    "of opset 9999": lambda m, _: setattr(m.opset_import[0], "version", 9999),
    "with a tile of 2^40": with_tile,
    "with a range of 2^40": with_range,
    "with a resize of 10^6": with_resize,
    "with a loop of 10^8": with_loop(10**8),
    "with an escaping output": lambda m, _: setattr(m.graph.output[0], "name", ESCAPE),
    "with a long name": lambda m, _: setattr(m.graph, "name", "x" * 1_000_000),
}
MAY_TEACH = {"with a long name"}
