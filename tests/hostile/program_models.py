"""Hostile graphs inside of PyTorch's exported programs."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from case import Place
from documents import ESCAPE
from stock import Stock

from fasterseg.deploy.exporting.seals import BLANK_SEAL, sealed


def records_of(stock: Stock) -> dict[str, bytes]:
    with zipfile.ZipFile(stock.program) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(records: Sequence[tuple[str, bytes]], *, packed: bool = False) -> bytes:
    stream = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", how) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in records:
            archive.writestr(name, data)
        archive.comment = BLANK_SEAL.encode()
    return sealed(stream.getvalue())


def changed_model(
    stock: Stock, change: Callable[[Any, Place], object]
) -> Callable[[Place], object]:
    def write(place: Place) -> None:
        records = records_of(stock)
        (name,) = [one for one in records if one.endswith("models/model.json")]
        document = json.loads(records[name])
        change(document, place)
        records[name] = json.dumps(document).encode()
        (place.brought / "m.pt2").write_bytes(zipped(list(records.items())))

    return write


def models() -> dict[str, Callable[[Any, Place], object]]:
    """Graphs that reach for code, or lie."""

    def node(**values: Any) -> Callable[[Any, Place], object]:
        return lambda model, _: _graph_of(model)["nodes"][0].update(values)

    def every_symbol(text: str) -> Callable[[Any, Place], object]:
        def change(model: Any, place: Place) -> None:
            _replace_expressions(model, text.format(mark=place.mark))

        return change

    system = "__import__('os').system('touch {mark}')"
    return {
        "a target of os.system": node(target="os.system"),
        "a target of eval": node(target="builtins.eval"),
        "a target of a library": node(target="torch.ops.load_library"),
        "a target of torch.load": node(target="torch.load"),
        "a target of a dunder": node(target="torch.ops.aten.__class__"),
        "a target with code": node(target="torch.ops.aten.relu.default); import os #"),
        "a target with an escape": node(target=ESCAPE),
        "a target that is none": node(target="torch.ops.aten.no_such.default"),
        "a target of a higher order": node(target="torch.ops.higher_order.call_torchbind"),
        "a target of _operator": node(target="_operator.itemgetter"),
        "a target of a nested name": node(target="torch.serialization.pickle.loads"),
        "metadata with code": node(
            metadata={"stack_trace": "x" * 1_000_000, "nn_module_stack": system}
        ),
        "a name with code": lambda model, place: _rename_first(
            model, f"x=open({str(place.mark)!r},'w')"
        ),
        "expressions with code": every_symbol(system),
        "expressions of a deep nest": every_symbol("(" * 3_000 + "s0" + ")" * 3_000),
        "expressions of a power tower": every_symbol("9**9**9**9**9"),
        "no nodes": lambda model, _: _graph_of(model).update(nodes=[]),
        "100,000 nodes": lambda model, _: _graph_of(model).update(
            nodes=_graph_of(model)["nodes"][:1] * 100_000
        ),
        "a schema of 99": lambda model, _: model.update(schema_version={"major": 99, "minor": 0}),
        "an opset of 10^9": lambda model, _: model.update(opset_version={"aten": 10**9}),
        "guards with code": lambda model, place: model.update(
            guards_code=[system.format(mark=place.mark)]
        ),
        "a verifier with code": lambda model, _: model.update(verifiers=["os.system"]),
        "tree specs with code": lambda model, place: _replace_specs(
            model, '[1, {"type": "os.system", "context": "[]", "children_spec": []}]'
        ),
        "tree specs of a deep nest": lambda model, place: _replace_specs(model, "[" * 5_000),
        "a key more": lambda model, _: model.update(of_a_stranger=1),
        "sizes of 2^60": lambda model, _: _replace_sizes(model, 1 << 60),
        "sizes below 0": lambda model, _: _replace_sizes(model, -1),
    }


def _graph_of(model: Any) -> Any:
    return model["graph_module"]["graph"]


def _walk(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


def _replace_expressions(model: Any, text: str) -> None:
    model.setdefault("range_constraints", {})[text] = {"min_val": 0, "max_val": 9}
    for found in _walk(model):
        if "as_int" in found and set(found) == {"as_int"}:
            found.clear()
            found["as_expr"] = {"expr_str": text, "hint": None}
            return


def _replace_sizes(model: Any, size: int) -> None:
    for found in _walk(model):
        if isinstance(found.get("sizes"), list):
            found["sizes"] = [{"as_int": size} for _ in found["sizes"]]


def _replace_specs(model: Any, text: str) -> None:
    for found in _walk(model):
        for key in ("in_spec", "out_spec", "tree_spec"):
            if key in found:
                found[key] = text


def _rename_first(model: Any, name: str) -> None:
    graph = _graph_of(model)
    old = json.dumps(graph)
    for found in _walk(graph):
        if isinstance(found.get("name"), str):
            new = json.loads(old.replace(json.dumps(found["name"]), json.dumps(name)))
            graph.clear()
            graph.update(new)
            return
