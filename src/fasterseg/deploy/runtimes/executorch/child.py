"""ExecuTorch in a process of its own: programs are lowered and run here, nowhere else.

    PYTHON -I child.py lower FOLDER
    PYTHON -I child.py run FOLDER

It needs the standard library, torch and executorch, and nothing of the package that it is part of:
its Python is that of another environment, whose torch is the one that ExecuTorch was built for.
FOLDER belongs to the process that started it and holds `asked`, a literal of Python, and what that
names; answers are JSON, a line each, on what was standard output.

Lowered are exported programs that this package wrote a moment ago.  What is run may be a
stranger's: it is loaded only when limits are set, and never leaves this process.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import signal
import sys
import time
from ast import literal_eval
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, from Linux's prctl.h
SPARE_ADDRESSES = 1 << 30  # what threads reserve of the address space and never touch
STACK = 8 << 20
MOST_WRITTEN = 1 << 20  # bytes of any file: what is run has nothing to write but a last word
RUN, DONE, FAILED = b"r", b".", b"!"
TYPES = {"torch.uint8": "uint8", "torch.float32": "float32"}


def main(mode: str, folder: Path) -> None:
    """Do what was asked for, until there is nothing more to do."""
    answer = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # so that nothing but the answer is taken for one
    end_with_parent()
    asked = literal_eval((folder / "asked").read_text(encoding="utf-8"))
    version("executorch")  # raises where there is none, before anything heavy is imported
    import torch

    torch.set_num_threads(int(asked.get("threads", 1)))
    tell(answer, versions())
    if mode == "lower":
        lower(folder, asked["programs"], answer)
    else:
        run(folder, asked, answer)


def end_with_parent() -> None:
    """Let the system end this process with its parent, where it can."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)


def versions() -> dict[str, str]:
    """What is installed here; importing it is what takes long."""
    import torch
    from executorch.extension.pybindings import portable_lib

    assert portable_lib._is_available("XnnpackBackend"), "this ExecuTorch has no XNNPACK"
    return {"executorch": version("executorch"), "torch": str(torch.__version__)}


def tell(answer: Any, value: object) -> None:
    """Write one line."""
    answer.write(json.dumps(value).encode() + b"\n")


# ------------------------------------------------------------------------------------- lowering


def lower(folder: Path, programs: list[str], answer: Any) -> None:
    """Lower exported programs, ``NAME.pt2`` each, to ``NAME.pte``; a line says what became of it.

    That is: which operators XNNPACK takes, and which are left to portable kernels.
    """
    for name in programs:
        tell(answer, lowered(folder / f"{name}.pt2", folder / f"{name}.pte"))


def lowered(source: Path, target: Path) -> dict[str, list[str]]:
    """Write a program for XNNPACK in float32."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.exir.passes.constant_prop_pass import constant_prop_pass

    # What follows from the size alone is computed now: nothing else does, and XNNPACK takes more.
    program = constant_prop_pass(torch.export.load(source).run_decompositions({}))
    edge = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    target.write_bytes(edge.to_executorch().buffer)
    graph = edge.exported_program().graph_module
    parts = [getattr(graph, n.target) for n in graph.graph.nodes if n.op == "get_attr"]
    inside = [part.original_module.graph_module for part in parts]
    return {
        "portable": sorted(operators(graph)),
        "xnnpack": sorted({one for part in inside for one in operators(part)}),
    }


def operators(graph: Any) -> set[str]:
    """The names of the operators that a graph calls."""
    called = [node.target for node in graph.graph.nodes if node.op == "call_function"]
    return {str(one.name()) for one in called if hasattr(one, "_schema") and "::" in one.name()}


# -------------------------------------------------------------------------------------- running


def run(folder: Path, asked: dict[str, Any], answer: Any) -> None:
    """Load ``program.pte`` within limits and say what it takes and gives; run it on request.

    The images and what comes out lie in ``exchange``, a file that both processes have in memory.
    """
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Runtime, Verification

    portable_lib._unsafe_reset_threadpool(int(asked["threads"]))
    limit(int(asked["memory_bytes"]), int(asked["threads"]))
    check = Verification.InternalConsistency
    program = Runtime.get().load_program(folder / "program.pte", verification=check)
    method = program.load_method("forward")
    shape = [1, *asked["size"], 3]
    first = method.execute([zeros(shape)])
    assert len(first) == 1, f"it gives {len(first)} values"
    tell(answer, {"shape": list(first[0].shape), "type": TYPES.get(str(first[0].dtype), "other")})
    serve(method, folder / "exchange", shape, first[0], answer)


def zeros(shape: list[int]) -> Any:
    """A black image."""
    import torch

    return torch.zeros(shape, dtype=torch.uint8)


def serve(method: Any, exchange: Path, shape: list[int], like: Any, answer: Any) -> None:
    """Run the program each time that a byte comes in, until none does.

    Back go a byte and the nanoseconds of the run alone, or a byte and a reason.
    """
    import torch

    begun = os.fdopen(0, "rb", buffering=0)
    if begun.read(1) != RUN:  # until `exchange` is there
        return
    with exchange.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        count = shape[1] * shape[2] * shape[3]
        image = torch.frombuffer(memory, dtype=torch.uint8, count=count).reshape(shape)
        given = torch.frombuffer(
            memory, dtype=like.dtype, count=like.numel(), offset=aligned(count)
        )
        answer.write(DONE)
        while begun.read(1) == RUN:
            answer.write(answered(method, image, given.reshape(like.shape)))
        del image, given
        os._exit(0)  # tensors may still hold the memory


def aligned(count: int) -> int:
    """Where what comes out begins, behind so many bytes of an image."""
    return -(-count // 64) * 64


def answered(method: Any, image: Any, given: Any) -> bytes:
    """Run the program on the image; put what comes out where it belongs."""
    started = time.perf_counter_ns()
    try:
        (found,) = method.execute([image])
        taken = time.perf_counter_ns() - started
        given.copy_(found)
    except Exception as error:  # the runtime raises what it likes
        return FAILED + ascii(str(error))[1:201].encode() + b"\n"
    return DONE + taken.to_bytes(8, "little")


def limit(memory_bytes: int, threads: int) -> None:
    """Bound what is used from here on, as far as the system offers that; no core is written."""
    import resource

    try:
        pages = [int(word) for word in Path("/proc/self/statm").read_text().split()]
    except OSError:  # a system that does not tell: a generous guess
        pages = [1 << 22] * 6
    page = resource.getpagesize()
    most = memory_bytes + STACK * threads
    limits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": MOST_WRITTEN,
        "RLIMIT_DATA": pages[5] * page + most,
        "RLIMIT_AS": pages[0] * page + 2 * most + SPARE_ADDRESSES,
    }
    for name, count in limits.items():
        with suppress(OSError, ValueError, AttributeError):  # macOS lacks some, and refuses others
            resource.setrlimit(getattr(resource, name), (count, count))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
