"""Hostile files in place of PyTorch's exported programs: archives and their records."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable, Iterator

from case import HostileFile, Place
from documents import odd_texts
from native import library_that_marks
from odd_exports import CODES, EVERY, FEW, RUN, file_of, specials
from of_official import payloads
from program_models import changed_model, models, records_of, zipped
from stock import Stock
from ways import brought, of_model


def programs(stock: Stock) -> Iterator[HostileFile]:
    """Files in place of PyTorch's exported programs."""
    few = of_model(stock, brought("m.pt2"), FEW)
    every = of_model(stock, brought("m.pt2"), EVERY)
    for index, (name, data) in enumerate(odd_texts()):
        yield file_of(
            f"pt2: {name}", "pt2", "m.pt2", lambda data=data: data, every if index < 2 else few
        )
    for name, write in _archives(stock).items():
        yield HostileFile(
            name=f"pt2 {name}",
            kind="pt2",
            write=write,
            ways=every if "model.pt" in name or "library" in name else few,
            codes=CODES,
        )
    for name, change in models().items():
        yield HostileFile(
            name=f"pt2 whose model has {name}",
            kind="pt2",
            write=changed_model(stock, change),
            ways=of_model(stock, brought("m.pt2"), RUN),
            expect="either",
            codes=CODES,
        )
    for name, put in specials().items():
        yield HostileFile(
            name=f"m.pt2: {name}",
            kind="pt2",
            write=lambda place, put=put: put(place.brought / "m.pt2", place),
            ways=every,
        )


def _pickled(place: Place, name: str) -> bytes:
    """What torch.save writes of an object that leaves a mark."""
    import torch

    stream = io.BytesIO()
    torch.save({"x": payloads(place)[name]}, stream)
    return stream.getvalue()


def _archives(stock: Stock) -> dict[str, Callable[[Place], object]]:
    """Archives with records that PyTorch's reader would unpickle, open or believe."""

    def with_records(
        make: Callable[[Place, str], dict[str, bytes]], *, twice: bool = False
    ) -> Callable[[Place], object]:
        def write(place: Place) -> None:
            records = records_of(stock)
            root = next(iter(records)).partition("/")[0]
            added = make(place, root)
            kept = [(n, d) for n, d in records.items() if twice or n not in added]
            (place.brought / "m.pt2").write_bytes(zipped([*kept, *added.items()]))

        return write

    def changed(
        change: Callable[[Place, dict[str, bytes]], dict[str, bytes]],
    ) -> Callable[[Place], object]:
        def write(place: Place) -> None:
            (place.brought / "m.pt2").write_bytes(
                zipped(list(change(place, records_of(stock)).items()))
            )

        return write

    payload = lambda place: _pickled(place, "os.system")  # noqa: E731
    raw = lambda place: pickle.dumps(payloads(place)["os.system"], 2)  # noqa: E731
    added = {
        "data/weights/model.pt": payload,
        "data/constants/model.pt": payload,
        "data/weights/weight_0": payload,
        "data/constants/custom_obj_0": raw,
        "data/constants/opaque_obj_0": raw,
        "data/constants/opaque_obj_0/x": raw,
        "data/sample_inputs/model.pt": payload,
        "data/sample_inputs/other.pt": payload,
        "data/weights/model_weights_config.json": lambda _: json.dumps(
            {
                "config": {
                    "x": {
                        "path_name": "weight_0",
                        "is_param": True,
                        "use_pickle": True,
                        "tensor_meta": None,
                    }
                }
            }
        ).encode(),
        "extra/fasterseg.json": lambda _: b"{}",
        "extra/other.json": lambda _: b"{}",
        "data/aotinductor/model/x.wrapper.so": lambda place: library_that_marks(place.mark),
        "data/aotinductor/model/x.so": lambda place: library_that_marks(place.mark),
        "models/other.json": lambda _: b"[" * 5_000,
        "../../outside/x": lambda _: b"x",
        "archive_format": lambda _: b"exec",
        "archive_version": lambda _: b"99999",
        "code/__torch__.py": lambda _: b"import os\n",
        "data.pkl": raw,
        ".data/serialization_id": lambda _: b"x" * 100,
        "byteorder": lambda _: b"big",
    }
    found: dict[str, Callable[[Place], object]] = {}
    for name, make in added.items():
        found[f"with {name}"] = with_records(
            lambda place, root, name=name, make=make: {f"{root}/{name}": make(place)}
        )
        if name in ("data/weights/model.pt", "extra/fasterseg.json", "archive_format"):
            found[f"with {name} twice"] = with_records(
                lambda place, root, name=name, make=make: {f"{root}/{name}": make(place)},
                twice=True,
            )
    found |= {
        "of the 2.7 format": lambda place: (place.brought / "m.pt2").write_bytes(
            zipped(
                [
                    ("archive/version", b"8.8"),
                    ("archive/serialized_exported_program.json", b"{}"),
                    ("archive/serialized_state_dict.pt", payload(place)),
                    ("archive/serialized_constants.pt", payload(place)),
                    ("archive/serialized_example_inputs.pt", payload(place)),
                ]
            )
        ),
        "of the 2.7 format without a folder": lambda place: (place.brought / "m.pt2").write_bytes(
            zipped(
                [
                    ("version", b"8.8"),
                    ("serialized_exported_program.json", b"{}"),
                    ("serialized_state_dict.pt", payload(place)),
                    ("serialized_constants.pt", payload(place)),
                    ("serialized_example_inputs.pt", payload(place)),
                ]
            )
        ),
        "of TorchScript": lambda place: (place.brought / "m.pt2").write_bytes(
            zipped(
                [
                    ("archive/data.pkl", raw(place)),
                    ("archive/constants.pkl", raw(place)),
                    ("archive/code/__torch__.py", b"import os\n"),
                    ("archive/version", b"3\n"),
                ]
            )
        ),
        "of a mere pickle": lambda place: (place.brought / "m.pt2").write_bytes(payload(place)),
        "whose configuration wants pickles": changed(_wanting_pickles),
        "whose configuration names a file outside": changed(_leading_out),
        "whose records are packed": lambda place: (place.brought / "m.pt2").write_bytes(
            zipped(list(records_of(stock).items()), packed=True)
        ),
        "cut in half": lambda place: (place.brought / "m.pt2").write_bytes(
            (data := stock.program.read_bytes())[: len(data) // 2]
        ),
        "with something behind it": lambda place: (place.brought / "m.pt2").write_bytes(
            stock.program.read_bytes() + zipped([("a/data.pkl", raw(place))])
        ),
        "with something before it": lambda place: (place.brought / "m.pt2").write_bytes(
            b"#!/bin/sh\n" + stock.program.read_bytes()
        ),
        "of 100,000 records": lambda place: (place.brought / "m.pt2").write_bytes(
            zipped([*records_of(stock).items(), *((f"student/x{n}", b"") for n in range(100_000))])
        ),
        "with a bomb": lambda place: (place.brought / "m.pt2").write_bytes(
            zipped([("m/models/model.json", bytes(1_500_000_000))], packed=True)
        ),
        "with a name of two cases": with_records(
            lambda place, root: {
                f"{root}/MODELS/model.json": b"{}",
                f"{root}/models/MODEL.json": b"{}",
            }
        ),
    }
    return found


def _wanting_pickles(place: Place, records: dict[str, bytes]) -> dict[str, bytes]:
    changed = {}
    for name, data in records.items():
        if name.endswith("weights_config.json"):
            config = json.loads(data)
            for entry in config["config"].values():
                entry["use_pickle"] = 1
            changed[name] = json.dumps(config).encode()
        elif "/weights/weight_" in name:
            changed[name] = _pickled(place, "os.system")
        else:
            changed[name] = data
    return changed


def _leading_out(place: Place, records: dict[str, bytes]) -> dict[str, bytes]:
    return {
        name: data.replace(b"weight_0", b"../../../outside/secret.bin")
        if name.endswith("_config.json")
        else data
        for name, data in records.items()
    }
