"""Exported programs that strangers altered: every way from a file to code, and every kind of lie.

Payloads leave a mark, a file in the test's folder, where PyTorch's own reader would run them.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fasterseg.deploy.exporting.seals import BLANK_SEAL, sealed

MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"
CARD = "extra/fasterseg.json"
ATEN = "torch.ops.aten"


class Marks:
    """An object whose unpickling leaves a mark."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return (Path.touch, (self.path,))


class Draft:
    """A program's records, its JSON read, on the way to another file."""

    def __init__(self, program: bytes, mark: Path) -> None:
        with zipfile.ZipFile(io.BytesIO(program)) as archive:
            self.records = {n.partition("/")[2]: archive.read(n) for n in archive.namelist()}
        self.json = {n: json.loads(self.records.pop(n)) for n in (MODEL, WEIGHTS, CONSTANTS, CARD)}
        self.pickle = pickle.dumps(Marks(mark))
        self.code = f"__import__('pathlib').Path({str(mark)!r}).touch()"
        self.twice: list[str] = []
        self.root = "archive"
        self.seal = BLANK_SEAL

    @property
    def document(self) -> dict[str, Any]:
        """The exported program's JSON."""
        return dict.__getitem__(self.json, MODEL)

    @property
    def graph(self) -> dict[str, Any]:
        """Its graph."""
        graph: dict[str, Any] = self.document["graph_module"]["graph"]
        return graph

    @property
    def nodes(self) -> list[Any]:
        """Its nodes."""
        nodes: list[Any] = self.graph["nodes"]
        return nodes

    def node(self, target: str) -> dict[str, Any]:
        """The first node of an operator of aten."""
        return next(n for n in self.nodes if n["target"] == f"{ATEN}.{target}")

    def argument(self, target: str, name: str) -> dict[str, Any]:
        """One of its arguments, to be changed."""
        inputs = self.node(target)["inputs"]
        found: dict[str, Any] = next(one for one in inputs if one["name"] == name)
        return found

    def weight(self) -> dict[str, Any]:
        """What is said of a weight that a convolution reads, to be changed."""
        config: dict[str, Any] = self.json[WEIGHTS]["config"]
        return next(one for name, one in config.items() if name.endswith("conv1.weight"))

    def insert(self, target: str, arguments: Mapping[str, Any], gives: Any = None) -> None:
        """A node before all others."""
        inputs = [{"name": n, "arg": a, "kind": 1} for n, a in arguments.items()]
        gives = gives or {"as_tensor": {"name": "inserted"}}
        node = {"target": target, "inputs": inputs, "outputs": [gives], "metadata": {}}
        self.nodes.insert(0, node)

    def data(self) -> bytes:
        """The file, its seal its own as any stranger could make it."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is written twice
            for name, record in self.all_records().items():
                for _ in range(2 if name in self.twice else 1):
                    archive.writestr(zipfile.ZipInfo(f"{self.root}/{name}"), record)
            archive.comment = self.seal.encode()
        return sealed(content.getvalue()) if self.seal else content.getvalue()

    def all_records(self) -> dict[str, bytes]:
        """What it comes to; a record that was put in place of JSON is that record."""
        return {**{n: json.dumps(v).encode() for n, v in self.json.items()}, **self.records}


Alteration = Callable[[Draft], bytes | None]


def adding(name: str, content: Callable[[Draft], bytes] = lambda draft: draft.pickle) -> Alteration:
    """A record more."""

    def change(draft: Draft) -> None:
        draft.records[name] = content(draft)

    return change


def legacy(draft: Draft) -> bytes:
    """The form of PyTorch 2.7, whose parts are pickles."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("version", "8.8")
        archive.writestr("serialized_exported_program.json", json.dumps(draft.document))
        for name in ("state_dict", "constants", "example_inputs"):
            archive.writestr(f"serialized_{name}.pt", draft.pickle)
        archive.writestr("extra_files/fasterseg.json", json.dumps(draft.json[CARD]))
    return content.getvalue()


def pickled_weight(draft: Draft) -> None:
    """A weight that its index wants unpickled."""
    draft.weight()["use_pickle"] = True
    draft.records[f"data/weights/{draft.weight()['path_name']}"] = draft.pickle


def object_constant(path: str) -> Alteration:
    """A constant that is an object of any kind."""

    def change(draft: Draft) -> None:
        draft.records[f"data/constants/{path}"] = draft.pickle
        entry = {"path_name": path, "is_param": False, "use_pickle": True, "tensor_meta": None}
        draft.json[CONSTANTS]["config"]["thing"] = entry

    return change


def two_models(draft: Draft) -> None:
    """A second program, which PyTorch's reader would read as well."""
    for name in (MODEL, WEIGHTS, CONSTANTS):
        other = name.replace("model.json", "other.json").replace("model_", "other_")
        draft.records[other] = json.dumps(draft.json[name]).encode()


def twice(name: str) -> Alteration:
    """A record that is there twice, for two readers."""
    return lambda draft: draft.twice.append(name)


def other_target(target: str) -> Alteration:
    """An operator that PyTorch's reader would find by walking from a module."""

    def change(draft: Draft) -> None:
        draft.insert(target, {"a": {"as_string": draft.code}})

    return change


def other_argument(target: str, name: str, value: Callable[[Draft], Any]) -> Alteration:
    """Another argument of a node."""

    def change(draft: Draft) -> None:
        draft.argument(target, name)["arg"] = value(draft)

    return change


def subgraph(draft: Draft) -> None:
    """An operator that takes a graph."""
    draft.insert(
        "torch.ops.higher_order.wrap_with_set_grad_enabled",
        {
            "enter": {"as_bool": True},
            "graph": {"as_graph": {"name": "inner", "graph": draft.graph | {"nodes": []}}},
        },
    )


def packed(draft: Draft) -> bytes:
    """Many zeros in few bytes."""
    draft.records["data/weights/weight_0"] = bytes(200 * 2**20)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, record in draft.all_records().items():
            archive.writestr(f"archive/{name}", record)
        archive.comment = BLANK_SEAL.encode()
    return sealed(content.getvalue())


def with_card(**fields: Any) -> Alteration:
    """A card that says something else."""

    def change(draft: Draft) -> None:
        draft.json[CARD]["content"].update(fields)

    return change


def with_weight(value: float) -> Alteration:
    """A weight that is no number."""

    def change(draft: Draft) -> None:
        name = f"data/weights/{draft.weight()['path_name']}"
        draft.records[name] = struct.pack("<f", value) + draft.records[name][4:]

    return change


def other_meta(**fields: Any) -> Alteration:
    """A weight that is said to lie otherwise."""
    return lambda draft: draft.weight()["tensor_meta"].update(fields)


def too_large(draft: Draft) -> None:
    """A card and a graph of an image that there is nowhere."""
    with_card(height=2**40, width=2**40)(draft)
    for length in (1, 2):
        draft.graph["tensor_values"]["images"]["sizes"][length] = {"as_int": 2**40}


def same_for_all(draft: Draft) -> None:
    """Labels that are no largest logits, and of any number."""
    largest = draft.node("argmax.default")
    largest["target"] = f"{ATEN}.mean.dim"
    largest["inputs"] = [
        largest["inputs"][0],
        {"name": "dim", "arg": {"as_ints": [1]}, "kind": 1},
    ]


def more_labels(draft: Draft) -> None:
    """A number added to every label."""
    cast = next(n for n in draft.nodes[::-1] if n["target"] == f"{ATEN}.to.dtype")
    name = cast["inputs"][0]["arg"]["as_tensor"]["name"]
    cast["inputs"][0]["arg"]["as_tensor"]["name"] = "more"
    draft.nodes.insert(
        draft.nodes.index(cast),
        {
            "target": f"{ATEN}.add.Tensor",
            "inputs": [
                {"name": "self", "arg": {"as_tensor": {"name": name}}, "kind": 1},
                {"name": "other", "arg": {"as_int": 200}, "kind": 1},
            ],
            "outputs": [{"as_tensor": {"name": "more"}}],
            "metadata": {},
        },
    )


def float_image(draft: Draft) -> None:
    """A graph that takes numbers of another type."""
    draft.graph["tensor_values"]["images"]["dtype"] = 7


def two_images(draft: Draft) -> None:
    """A graph that takes two images."""
    specs = draft.document["graph_module"]["signature"]["input_specs"]
    specs.append({"user_input": {"arg": {"as_tensor": {"name": "second"}}}})


def no_weight(draft: Draft) -> None:
    """A weight that is nowhere."""
    config = draft.json[WEIGHTS]["config"]
    del config[next(iter(config))]


def lost_record(draft: Draft) -> None:
    """A record that is nowhere."""
    del draft.records[f"data/weights/{draft.weight()['path_name']}"]


def spare_record(draft: Draft) -> None:
    """Numbers that nothing reads."""
    draft.records["data/weights/weight_9999"] = b"1234"


def too_many_nodes(draft: Draft) -> None:
    """A program without end."""
    draft.nodes.extend([draft.node("relu.default")] * 30_000)


def product(first: str, second: str, gives: str) -> dict[str, Any]:
    """A node that multiplies two matrices."""
    pairs = (("self", first), ("other", second))
    return {
        "target": f"{ATEN}.matmul.default",
        "inputs": [{"name": n, "arg": {"as_tensor": {"name": v}}, "kind": 1} for n, v in pairs],
        "outputs": [{"as_tensor": {"name": gives}}],
        "metadata": {},
    }


def too_much_work(draft: Draft) -> None:
    """A product of products of large matrices."""
    wide = [product(f"product{n}", f"product{n}", f"product{n + 1}") for n in range(50)]
    draft.nodes[:0] = [product("column", "line", "product0"), *wide]
    for name, axis in (("column", 1), ("line", 0)):
        line = {"self": {"as_tensor": {"name": "numbers"}}, "dim": {"as_int": axis}}
        draft.insert(f"{ATEN}.unsqueeze.default", line, {"as_tensor": {"name": name}})
    end = {"end": {"as_int": 2000}, "dtype": {"as_scalar_type": 7}}
    draft.insert(f"{ATEN}.arange.default", end, {"as_tensor": {"name": "numbers"}})


def repeated_matrices(draft: Draft) -> None:
    """A product that holds a matrix of 16 MB a hundred times, and gives little."""
    line, far = {"as_tensor": {"name": "numbers"}}, {"as_ints": [0, 0, 0, 0, 0, 99]}
    draft.nodes[:0] = [product("column", "row", "square"), product("square", "many", "repeated")]
    for name, read, arguments in (
        ("many", "deep", {"pad": far}),
        ("deep", "column", {"dim": {"as_int": 0}}),
        ("row", "numbers", {"dim": {"as_int": 0}}),
        ("column", "numbers", {"dim": {"as_int": 1}}),
    ):
        target = "pad" if name == "many" else "unsqueeze"
        reads = {"self": line if read == "numbers" else {"as_tensor": {"name": read}}}
        draft.insert(f"{ATEN}.{target}.default", reads | arguments, {"as_tensor": {"name": name}})
    end = {"end": {"as_int": 2000}, "dtype": {"as_scalar_type": 7}}
    draft.insert(f"{ATEN}.arange.default", end, {"as_tensor": {"name": "numbers"}})


def with_dilation(dilation: int) -> Alteration:
    """A kernel whose pixels lie far apart."""

    def change(draft: Draft) -> None:
        node = next(n for n in draft.nodes if len(n["inputs"]) == 5 and "conv2d" in n["target"])
        arg = {"as_ints": [dilation, dilation]}
        node["inputs"].append({"name": "dilation", "arg": arg, "kind": 1})

    return change


def expression(draft: Draft) -> dict[str, Any]:
    """A size that PyTorch's reader would evaluate."""
    return {"as_expr": {"expr_str": draft.code, "hint": {"as_int": 1}}}


def in_sizes(draft: Draft) -> None:
    """Code among the sizes of a value within."""
    name = draft.node("relu.default")["outputs"][0]["as_tensor"]["name"]
    draft.graph["tensor_values"][name]["sizes"][0] = expression(draft)


def in_symbols(draft: Draft) -> None:
    """Code as a symbol."""
    draft.graph["sym_int_values"]["s0"] = expression(draft)


def in_ranges(draft: Draft) -> None:
    """Code as a symbol's range."""
    draft.document["range_constraints"][draft.code] = {"min_val": 1, "max_val": 2}


def in_guards(draft: Draft) -> None:
    """Code as what must be true of the image."""
    draft.document["guards_code"] = [draft.code]


def container(context: str) -> Alteration:
    """A container for the image, whose making imports a module."""
    spec = [1, {"type": "collections.defaultdict", "context": context, "children_spec": []}]

    def change(draft: Draft) -> None:
        entry = draft.document["graph_module"]["module_call_graph"][0]
        entry["signature"]["in_spec"] = json.dumps(spec)

    return change


def in_metadata(key: str) -> Alteration:
    """Code among the notes on where a node came from."""

    def change(draft: Draft) -> None:
        for node in draft.nodes:
            node["metadata"][key] = f"x,{draft.code},torch.{draft.code}"

    return change


def renamed(draft: Draft) -> None:
    """Code as the name of a value, which becomes a variable's in a generated function."""
    name = f"x = {draft.code}\n    y"
    old = draft.node("relu.default")["outputs"][0]["as_tensor"]["name"]
    text = json.dumps(draft.graph).replace(f'"{old}"', json.dumps(name))
    draft.document["graph_module"]["graph"] = json.loads(text)


def in_node_names(draft: Draft) -> None:
    """Code as the names of nodes."""
    for node in draft.nodes:
        node["name"] = f"x = {draft.code}"


def in_other_fields(draft: Draft) -> None:
    """Code wherever a text may stand."""
    draft.document["verifiers"] = [draft.code]
    draft.document["torch_version"] = draft.code
    draft.document["opset_version"] = {draft.code: 1}
    draft.document["graph_module"]["metadata"] = {"custom": draft.code}
    draft.document["graph_module"]["treespec_namedtuple_fields"] = {
        draft.code: {"field_names": [draft.code]}
    }
    draft.graph["custom_obj_values"] = {"x": {"name": "x", "class_fqn": draft.code}}


REFUSED: Mapping[str, Alteration] = {
    "a pickle of weights": adding("data/weights/model.pt"),
    "a pickle of constants": adding("data/constants/model.pt"),
    "an example": adding("data/sample_inputs/model.pt"),
    "the form of 2.7": legacy,
    "a library": adding("data/aotinductor/model/x.wrapper.so", lambda draft: b"\x7fELF"),
    "a library's weights": adding("data/aotinductor/model/weights_config.json", lambda _: b"{}"),
    "a program for another runtime": adding("data/executorch/model.pte"),
    "a weight to unpickle": pickled_weight,
    "an object": object_constant("opaque_obj_0"),
    "an object in a folder": object_constant("opaque_obj_0/x"),
    "an object of a class": object_constant("custom_obj_0"),
    "an object called a tensor": object_constant("tensor_0"),
    "an object elsewhere": object_constant("../../../tensor_0"),
    "two programs": two_models,
    "an index twice": twice(WEIGHTS),
    "a graph twice": twice(MODEL),
    "a card twice": twice(CARD),
    "another file": adding("extra/other.json", lambda _: b"{}"),
    "a record in capitals": adding("Models/model.json", lambda _: b"{}"),
    "no folder": lambda draft: setattr(draft, "root", "") or None,
    "something before it": lambda draft: b"#!/bin/sh\n" + draft.data(),
    "something behind it": lambda draft: draft.data() + b"\n",
    "two archives": lambda draft: draft.data() + draft.data(),
    "packed records": packed,
    "another order of bytes": adding("byteorder", lambda _: b"big"),
    "a later version": adding("archive_version", lambda _: b"1"),
    "loading": other_target("torch.load"),
    "a native library": other_target("torch.ops.load_library"),
    "a class": other_target(f"{ATEN}.relu.default.__class__"),
    "a module's module": other_target("torch.os.system"),
    "a call": other_target("_operator.call"),
    "a method": other_target("_operator.methodcaller"),
    "mathematics": other_target("math.sqrt"),
    "an extension": other_target("#x:y"),
    "an operator from elsewhere": other_target("torch.ops.quantized.linear.default"),
    "an operator that writes": other_target(f"{ATEN}.relu_.default"),
    "an operator with an out": other_target(f"{ATEN}.add.out"),
    "chance": other_target(f"{ATEN}.rand.default"),
    "memory as it is": other_target(f"{ATEN}.empty.memory_format"),
    "a file": other_target(f"{ATEN}.from_file.default"),
    "memory of others": other_target(f"{ATEN}.as_strided.default"),
    "a graph in the graph": subgraph,
    "an operator as an argument": other_argument(
        "relu.default", "self", lambda draft: {"as_operator": draft.code}
    ),
    "an object as an argument": other_argument(
        "relu.default",
        "self",
        lambda draft: {"as_custom_obj": {"name": "x", "class_fqn": draft.code}},
    ),
    "a word as an argument": other_argument(
        "relu.default", "self", lambda draft: {"as_string": draft.code}
    ),
    "two values as one": other_argument(
        "argmax.default", "dim", lambda _: {"as_int": 1, "as_bool": True}
    ),
    "another device": other_argument(
        "_assert_tensor_metadata.default", "device", lambda _: {"as_device": {"type": "cuda"}}
    ),
    "a type that there is not": other_argument(
        "to.dtype", "dtype", lambda _: {"as_scalar_type": 999}
    ),
    "a norm that learns": other_argument(
        "batch_norm.default", "training", lambda _: {"as_bool": True}
    ),
    "a value from later": other_argument(
        "permute.default", "self", lambda _: {"as_tensor": {"name": "argmax"}}
    ),
    "a value twice": lambda draft: draft.nodes.append(draft.nodes[0]),
    "too many nodes": too_many_nodes,
    "a line without end": lambda draft: draft.insert(
        f"{ATEN}.arange.default", {"end": {"as_int": 2**62}}
    ),
    "a long line": lambda draft: draft.insert(f"{ATEN}.arange.default", {"end": {"as_int": 2**31}}),
    "too much work": too_much_work,
    "matrices repeated": repeated_matrices,
    "a dilation beyond all numbers": with_dilation(2**62),
    "a dilation beyond the map": with_dilation(2**20),
    "a number of PyTorch's that is none": adding(".data/serialization_id", lambda _: b"x"),
    "a huge map": other_argument(
        "upsample_bilinear2d.vec", "output_size", lambda _: {"as_ints": [2**20, 2**20]}
    ),
    "an image turned over, of which PyTorch warns": lambda draft: draft.insert(
        f"{ATEN}.numpy_T.default", {"self": {"as_tensor": {"name": "images"}}}
    ),
    "a huge number": lambda draft: draft.insert(
        "_operator.mul",
        {"a": {"as_int": 2**40}, "b": {"as_int": 2**40}},
        {"as_sym_int": {"as_name": "big"}},
    ),
    "a division by nothing": lambda draft: draft.insert(
        "_operator.floordiv",
        {"a": {"as_int": 1}, "b": {"as_int": 0}},
        {"as_sym_int": {"as_name": "none"}},
    ),
    "a stride of nothing": other_argument(
        "conv2d.default", "stride", lambda _: {"as_ints": [0, 0]}
    ),
    "a weight that is no number": with_weight(float("nan")),
    "a weight without end": with_weight(float("inf")),
    "a weight beyond its record": other_meta(storage_offset={"as_int": 10**9}),
    "a weight of steps backwards": other_meta(strides=[{"as_int": -1}] * 4),
    "a weight of one number": other_meta(
        sizes=[{"as_int": 40_000}] * 4, strides=[{"as_int": 0}] * 4
    ),
    "a weight of fewer sizes": other_meta(sizes=[{"as_int": 1}] * 3),
    "a weight of another type": other_meta(dtype=8),
    "a sparse weight": other_meta(layout=1),
    "a weight elsewhere": other_meta(device={"type": "cuda", "index": 0}),
    "a weight whose size is code": lambda draft: draft.weight()["tensor_meta"].update(
        storage_offset=expression(draft)
    ),
    "no weight": no_weight,
    "a lost record": lost_record,
    "a spare record": spare_record,
    "labels that are means": same_for_all,
    "labels beyond the classes": more_labels,
    "an image of floats": float_image,
    "two images": two_images,
    "a card of another size": with_card(height=128, width=128),
    "a card of any size": with_card(height=None, width=None),
    "a card of another mean": with_card(mean=[0.1, 0.1, 0.1]),
    "a card of a deviation of nothing": with_card(std=[0.0, 0.0, 0.0]),
    "a card of another type": with_card(precision="float16"),
    "a card of grey images": with_card(
        reading={"alpha": "black", "channels": 1, "orientation": "upright", "range": [0.0, 255.0]}
    ),
    "a size beyond all images": too_large,
    "a card of logits": with_card(output="logits"),
    "a card without classes": with_card(label_space=None),
    "a graph that is none": lambda draft: draft.document.update(graph_module=[]),
    "a program that is none": adding("models/model.json", lambda _: b"[]"),
    "nodes of another kind": lambda draft: draft.graph.update(nodes=[1] * 100_000),
    "nodes that are none": lambda draft: draft.graph.update(nodes={"a": 1}),
}
"""What is refused."""

UNREAD: Mapping[str, Alteration] = {
    "code in sizes": in_sizes,
    "code as a symbol": in_symbols,
    "code as a range": in_ranges,
    "code as a guard": in_guards,
    "a container of a module": container(
        '{"default_factory_module": "this", "default_factory_name": "s", "dict_context": []}'
    ),
    "a container of a name": container(
        '{"__enum__": true, "fqn": "antigravity:webbrowser", "name": "x"}'
    ),
    **{
        f"code in {key}": in_metadata(key)
        for key in (
            "stack_trace",
            "nn_module_stack",
            "source_fn_stack",
            "torch_fn",
            "custom",
            "from_node",
        )
    },
    "code as a variable": renamed,
    "code as a node's name": in_node_names,
    "code wherever a text stands": in_other_fields,
}
"""What is not looked at: the file does what it did without it."""
