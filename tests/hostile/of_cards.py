"""Hostile cards: what an exported file says of itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from case import Place
from documents import BIDI, ESCAPE, FORGED, odd_texts
from odd_exports import resealed_export
from stock import Stock


def with_card(stock: Stock, change: Callable[[str], str | bytes]) -> Callable[[Place], object]:
    def write(place: Place) -> None:
        import onnx

        model = onnx.ModelProto.FromString(stock.onnx.read_bytes())
        (entry,) = [one for one in model.metadata_props if one.key == "fasterseg"]
        text = change(entry.value)
        if isinstance(text, bytes):  # protobuf's texts are UTF-8: the bytes are put in by hand
            mark = "\x01" * len(text)
            entry.value = mark
            data = model.SerializeToString().replace(mark.encode(), text)
        else:
            entry.value = text
            data = model.SerializeToString()
        (place.brought / "m.onnx").write_bytes(resealed_export(data))

    return write


def cards() -> dict[str, Callable[[str], str | bytes]]:
    """Texts in place of the card."""

    def with_content(**values: Any) -> Callable[[str], str]:
        def change(text: str) -> str:
            document = json.loads(text)
            document["content"].update(values)
            return json.dumps(document)

        return change

    def with_classes(names: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
        def change(text: str) -> str:
            document = json.loads(text)
            space = document["content"]["label_space"]
            space["names"] = names(space["names"])
            space["colours"] = (space["colours"] * (len(space["names"]) + 1))[: len(space["names"])]
            return json.dumps(document)

        return change

    def with_number(number: str) -> Callable[[str], str]:
        def change(text: str) -> str:
            document = json.loads(text)
            document["content"]["height"] = "HOLE"
            return json.dumps(document).replace('"HOLE"', number)

        return change

    def constant(data: bytes) -> Callable[[str], bytes]:
        return lambda _: data

    odd: dict[str, Callable[[str], str | bytes]] = {
        f"that is {name}": constant(data) for name, data in odd_texts() if data
    }
    return odd | {
        "of any size": with_content(height=None, width=None),
        "of another size": with_content(height=32, width=32),
        "of a size of 0": with_content(height=0, width=0),
        "of a size of 10^9": with_content(height=10**9, width=10**9),
        "of a height of NaN": with_number("NaN"),
        "of a height of 4,301 digits": with_number("1" * 4_301),
        "of a height of 1e999": with_number("1e999"),
        "of other output": with_content(output="logits"),
        "of low logits": with_content(output="low-resolution-logits"),
        "of an output that is none": with_content(output=ESCAPE),
        "of float16": with_content(precision="float16"),
        "of a mean of NaN": lambda text: text.replace('"mean": [', '"mean": [NaN, ', 1),
        "of an escaping name": with_content(name=ESCAPE),
        "of a bidirectional name": with_content(name=BIDI),
        "of forged lines": with_content(name=FORGED),
        "of escaping terms": with_content(terms=ESCAPE),
        "of an escaping version": with_content(fasterseg=ESCAPE),
        "of an escaping digest": with_content(weights_digest=ESCAPE, bundle_digest=ESCAPE),
        "of an escaping class": with_classes(lambda names: [ESCAPE, *names[1:]]),
        "of a bidirectional class": with_classes(lambda names: [BIDI, *names[1:]]),
        "of a class of forged lines": with_classes(lambda names: [FORGED, *names[1:]]),
        "of a class that is a path": with_classes(lambda names: ["../../x", *names[1:]]),
        "of a lone surrogate": with_classes(lambda names: ["\ud800", *names[1:]]),
        "of one class": with_classes(lambda names: names[:1]),
        "of 100,000 classes": with_classes(lambda _: [f"c{n}" for n in range(100_000)]),
        "of a megabyte": with_content(terms="x" * 1_000_000),
        "of one channel": with_content(reading={"channels": 1}),
        "with a key more": with_content(of_a_stranger=1),
    }
