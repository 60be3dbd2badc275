"""Which runtimes there are: one table, that recipes, latency tables, commands and `deploy` read.

A new runtime is a row here and the module that it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from fasterseg.errors import UsageError

FloatPrecision = Literal["float32", "bfloat16", "float16"]
"""What networks are trained in."""
Precision = Literal["float32", "bfloat16", "float16", "int8"]
"""What networks compute in, or are written in."""
WrittenPrecision = Literal["float32", "float16", "int8"]
"""What a file may be exported in."""
TargetPrecision = Precision
"""What a target's networks are timed in."""
OutputForm = Literal["labels", "logits", "low-resolution-logits"]
"""What a graph ends at: class ids, logits at image size, or at the network's own."""
TailForm = Literal["graph", "fast", "numpy"]
"""From low-resolution logits to labels: in the graph, or after it, compiled or in NumPy."""
_EXPORTER = ("onnx", "onnxscript")


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs networks, and what it can and needs.

    `module` opens it (`deploy.runtimes.backends` says what it has to offer).  Any of
    `distributions` brings its library, which the first is called after; `extra` of this package
    does, empty where the package itself needs it.  Without `needs`, more libraries, no network
    gets there.

    It runs files of the formats that it `loads`; `ships_as` is the one in which a network is
    handed over for it, None where the network runs as it is.  `times_blocks` says whether a recipe
    may name it.  It computes in one of `precisions`, on one of `devices`: empty where PyTorch knows
    which there are.  Where it is `typed` by the graph, a graph computes in the types that are
    written in it: a network becomes one of the precision that was asked for, a file stays what it
    is.  What is in int8 is written so everywhere: `quantiser` is the function that makes it, from
    a network and images (`deploy.runtimes.quantisers`), where the runtime computes in int8.  The
    processor's peak is sought where it `shows_peak`.  `in_kits` is what runners of kits call its
    library; empty where no kit can be run on it.  A `variable` of the surroundings names the
    environment where its library is, where that is another than this one.  One that `is_web` runs
    in a page: it is never opened here, and its kit is carried to the device by hand.
    """

    name: str
    module: str
    distributions: tuple[str, ...]
    loads: tuple[str, ...]
    ships_as: str | None
    extra: str = ""
    needs: tuple[str, ...] = ()
    precisions: tuple[Precision, ...] = ("float32",)
    devices: tuple[str, ...] = ("cpu",)
    typed: bool = False
    times_blocks: bool = True
    shows_peak: bool = False
    in_kits: str = ""
    variable: str = ""
    is_web: bool = False
    quantiser: str = ""

    @property
    def package(self) -> str:
        """What is imported, and what the versions are told of."""
        return self.distributions[0] if self.distributions else self.name

    @property
    def install(self) -> str:
        """The command that installs it."""
        if self.variable:
            place = f"$HOME/{self.package}"
            return (
                f"python3 -m venv {place} && {place}/bin/pip install {self.package} torch && "
                f"export {self.variable}={place}"
            )
        return f"pip install 'fasterseg[{self.extra}]'" if self.extra else "pip install fasterseg"

    @property
    def usual_device(self) -> str:
        """Where it computes unless it is said."""
        return self.devices[0] if self.devices else "cpu"

    @property
    def times_in(self) -> tuple[Precision, ...]:
        """The precisions of a target: float32 alone where blocks are timed as modules."""
        return ("float32",) if self.ships_as is None else self.precisions

    def written_in(self, precision: Precision) -> Precision:
        """What a network is written in that computes in a precision here.

        A runtime that is not `typed` turns float32 to other floating-point types by itself.
        """
        return precision if self.typed or precision == "int8" else "float32"

    def module_type(self, precision: Precision) -> Literal["float32", "float16"]:
        """The type of the module that a graph is made of: int8 comes after that."""
        return "float16" if self.written_in(precision) == "float16" else "float32"

    @property
    def is_for_gpus(self) -> bool:
        """Whether it computes on GPUs and nowhere else."""
        return self.devices == ("cuda",)


_PYTORCH = Runtime(
    name="pytorch",
    module="fasterseg.deploy.runtimes.pytorch",
    distributions=("torch",),
    loads=("torch",),
    ships_as=None,
    precisions=get_args(FloatPrecision),
    devices=(),
    shows_peak=True,
)
_ROWS = (
    Runtime(
        name="onnxruntime",
        module="fasterseg.deploy.runtimes.onnx.cpu",
        distributions=("onnxruntime", "onnxruntime-gpu"),
        extra="onnx",
        needs=_EXPORTER,
        loads=("onnx",),
        ships_as="onnx",
        precisions=("float32", "int8"),
        shows_peak=True,
        in_kits="onnxruntime",
        quantiser="fasterseg.deploy.runtimes.onnx.quantiser:open_quantiser",
    ),
    Runtime(
        name="openvino",
        module="fasterseg.deploy.runtimes.openvino.runtime",
        distributions=("openvino",),
        extra="openvino",
        needs=_EXPORTER,
        loads=("onnx", "openvino"),
        ships_as="openvino",
        precisions=get_args(Precision),
        in_kits="openvino",
        quantiser="fasterseg.deploy.runtimes.openvino.quantiser:open_quantiser",
    ),
    _PYTORCH,
    replace(_PYTORCH, name="compiled", times_blocks=False, shows_peak=False),
    Runtime(
        name="onnxruntime-cuda",
        module="fasterseg.deploy.runtimes.onnx.cuda",
        distributions=("onnxruntime-gpu",),
        extra="cuda",
        needs=_EXPORTER,
        loads=("onnx",),
        ships_as="onnx",
        precisions=("float32", "float16"),
        devices=("cuda",),
        typed=True,
        in_kits="onnxruntime",
    ),
    Runtime(
        name="tensorrt",
        module="fasterseg.deploy.runtimes.tensorrt.runtime",
        distributions=("tensorrt", "tensorrt-cu12", "tensorrt-cu13"),
        extra="cuda",
        needs=_EXPORTER,
        loads=("tensorrt",),
        ships_as="tensorrt",
        precisions=("float32", "float16"),
        devices=("cuda",),
        typed=True,
        in_kits="tensorrt",
    ),
    Runtime(
        name="executorch",
        module="fasterseg.deploy.runtimes.executorch.runtime",
        distributions=("executorch",),
        extra="executorch",
        loads=("executorch",),
        ships_as="executorch",
        times_blocks=False,
        variable="FASTERSEG_EXECUTORCH",
    ),
    Runtime(
        name="onnxruntime-web",
        module="",
        distributions=(),
        needs=_EXPORTER,
        loads=("onnx",),
        ships_as="onnx",
        precisions=("float32", "int8"),
        in_kits="onnxruntime-web",
        quantiser="fasterseg.deploy.runtimes.onnx.quantiser:open_quantiser",
        is_web=True,
    ),
)
RUNTIMES: Mapping[str, Runtime] = {row.name: row for row in _ROWS}
"""By name; of several that would do, the first is taken."""


def opened_runtimes() -> dict[str, Runtime]:
    """Those that this package opens, by name."""
    return {row.name: row for row in RUNTIMES.values() if not row.is_web}


def runtime_named(name: str) -> Runtime:
    """The row of that name; raises `UsageError` where there is none."""
    if name not in RUNTIMES:
        raise UsageError(
            f"there is no runtime named {name!r}",
            next_step=f"choose one of {', '.join(RUNTIMES)}",
        )
    return RUNTIMES[name]
