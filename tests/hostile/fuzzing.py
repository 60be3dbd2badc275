"""Fuzzing of each reader: inputs made wrong at random, kept where they reach a new path.

    python tests/hostile/fuzzing.py strict_json opcodes ... --minutes 60 --folder DIR
    python tests/hostile/fuzzing.py --list
    python tests/hostile/fuzzing.py table --replay DIR/table/faults/FILE

Each reader runs in forks of one process, some hundred inputs to a fork, under the audit hook and
with limits; a line is new where this package's code was reached by another branch than before.
Inputs that reach something new are kept in DIR/READER/kept and begin the next run; faults are kept
in DIR/READER/faults, each with what became of it.  A summary is printed at the end.

Coverage-guided fuzzing by Atheris was weighed: its hooks watch one long-lived process, in which an
endless input, an exhausted memory or a crash ends the run, and these are what is looked for.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from types import CodeType, FrameType
from typing import Any

HERE = Path(__file__).parent
for place in (HERE, HERE.parent / "support", HERE.parents[1] / "src"):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

from case import Place  # noqa: E402
from readers import READERS, Reader  # noqa: E402
from server import libraries, make_folders  # noqa: E402
from stock import Stock  # noqa: E402
from watching import Hook  # noqa: E402

MOST_S = 2.0
MOST_MORE_BYTES = 400_000_000
PER_FORK = 150
PACKAGE = str(HERE.parents[1] / "src" / "fasterseg")


@dataclass(slots=True)
class Found:
    """What a run of one reader came to."""

    runs: int = 0
    right: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    faults: dict[str, bytes] = field(default_factory=dict)
    reached: set[str] = field(default_factory=set)
    slowest_s: float = 0.0

    def summary(self, name: str, seconds: float) -> str:
        """The run in a line, and a line for each fault."""
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.refused.most_common(6))
        lines = [
            f"{name}: {self.runs} runs in {seconds:.0f} s; right {self.right}, {kinds}; "
            f"{len(self.reached)} branches; slowest {self.slowest_s:.2f} s; "
            f"{len(self.faults)} faults"
        ]
        return "\n".join([*lines, *(f"  {fault}" for fault in self.faults)])


def fuzz(reader: Reader, stock: Stock, folder: Path, *, seconds: float, seed: int = 0) -> Found:
    """Fuzz a reader for so many seconds of the clock; what was found is in the folder, too."""
    kept, faults = folder / reader.name / "kept", folder / reader.name / "faults"
    for path in (kept, faults):
        path.mkdir(parents=True, exist_ok=True)
    inputs = [*reader.seeds(stock), *(path.read_bytes() for path in sorted(kept.iterdir()))]
    found, dice = Found(), Random(seed or time.time_ns())
    until = time.monotonic() + seconds
    fresh: list[bytes] = list(inputs)
    while time.monotonic() < until:
        batch = fresh[:PER_FORK] or [_mutated(reader, inputs, dice) for _ in range(PER_FORK)]
        fresh = fresh[PER_FORK:]
        for data, outcome in _run_batch(reader, stock, batch, found):
            _note(found, inputs, data, outcome, kept, faults)
    return found


def _mutated(reader: Reader, inputs: Sequence[bytes], dice: Random) -> bytes:
    data = dice.choice(inputs[-50:]) if dice.random() < 0.5 else dice.choice(inputs)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        data = dice.choice(reader.mutations)(data, dice)
    return data[: 1 << 21]


def _note(
    found: Found,
    inputs: list[bytes],
    data: bytes,
    outcome: dict[str, Any],
    kept: Path,
    faults: Path,
) -> None:
    found.runs += 1
    found.slowest_s = max(found.slowest_s, outcome["s"])
    kind = outcome["kind"]
    name = sha256(data).hexdigest()[:16]
    if kind == "right":
        found.right += 1
    elif kind == "refused":
        found.refused[outcome["why"]] += 1
    elif outcome["why"] not in found.faults:
        found.faults[outcome["why"]] = data
        (faults / name).write_bytes(data)
        (faults / f"{name}.txt").write_text(outcome["why"])
    fresh = set(outcome["reached"]) - found.reached
    if fresh:
        found.reached |= fresh
        inputs.append(data)
        (kept / name).write_bytes(data)


def _run_batch(
    reader: Reader, stock: Stock, batch: Sequence[bytes], found: Found
) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Run inputs in a fork; what became of each.  After a death the rest goes into another."""
    left = list(batch)
    while left:
        done = 0
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _work(reader, stock, left, write, found.reached)
        os.close(write)
        with os.fdopen(read) as stream:
            for line in stream:
                yield left[done], json.loads(line)
                done += 1
        _, status = os.waitpid(child, 0)
        if done < len(left):
            signal_ = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            why = (
                "slow: more than the limit"
                if signal_ in (24, 9, 14)
                else f"died by signal {signal_}"
            )
            yield left[done], {"kind": "fault", "why": why, "s": 99.0, "reached": []}
            done += 1
        left = left[done:]


def _work(reader: Reader, stock: Stock, batch: Sequence[bytes], out: int, known: set[str]) -> None:
    """Run inputs one after the other in this fork, telling of each; never returns."""
    import shutil

    place = Place(Path(tempfile.mkdtemp(prefix="fuzz-")))
    try:
        make_folders(place)
        os.chdir(place.here)
        _quiet()
        os.environ["TMPDIR"] = tempfile.tempdir = str(place.tmp)
        for data in batch:
            outcome = _run_one(reader, stock, data, place, known)
            os.write(out, (json.dumps(outcome) + "\n").encode())
    finally:
        shutil.rmtree(place.root, ignore_errors=True)
        os._exit(0)


def _quiet() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)


def _run_one(
    reader: Reader, stock: Stock, data: bytes, place: Place, known: set[str]
) -> dict[str, Any]:
    from fasterseg.errors import FastersegError

    reached: set[str] = set()
    notes = place.root / "notes.jsonl"
    notes.write_text("")
    with suppress(Exception):
        reader.call(b"", place, stock)  # makes what lies beside the input, before it is watched
    _limit()
    HOOK.arm(
        notes,
        read=[place.brought],
        write=[place.out, place.tmp, place.brought],
        foreign=[place.brought, place.here],
    )
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    sys.settrace(_tracer(reached, known))
    try:
        reader.call(data, place, stock)
        outcome = {"kind": "right", "why": ""}
    except FastersegError as error:
        outcome = _judged(error)
    except reader.refusals as error:
        outcome = {"kind": "refused", "why": type(error).__name__}
    except RecursionError:
        outcome = {"kind": "fault", "why": "RecursionError"}
    except MemoryError:
        outcome = {"kind": "fault", "why": "MemoryError"}
    except BaseException as error:
        outcome = {"kind": "fault", "why": _where(error)}
    finally:
        sys.settrace(None)
        HOOK.disarm()
    took = time.process_time() - began
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    seen = notes.read_text().splitlines()
    if seen:
        outcome = {"kind": "fault", "why": f"seen: {seen[0][:200]}"}
    elif took > 10 * MOST_S:  # tracing costs several times what the work does
        outcome = {"kind": "fault", "why": f"slow: {outcome['why']}"}
    elif more > MOST_MORE_BYTES:
        outcome = {"kind": "fault", "why": f"big: {outcome['why']}"}
    return {**outcome, "s": round(took, 3), "reached": sorted(reached)}


def _judged(error: Any) -> dict[str, Any]:
    if error.exit_code == 1 or error.exit_code > 4:
        return {"kind": "fault", "why": f"exit code {error.exit_code}: {error.what[:80]}"}
    return {"kind": "refused", "why": error.kind}


def _where(error: BaseException) -> str:
    ours = [f for f in traceback.extract_tb(error.__traceback__) if "fasterseg" in f.filename]
    last = ours[-1] if ours else None
    place = f"{Path(last.filename).name}:{last.name}" if last else "nowhere of ours"
    return f"{type(error).__name__} in {place}: {str(error)[:120]!r}"


def _limit() -> None:
    spent = int(time.process_time()) + 25
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (spent, hard))
    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + (2 << 30), resource.RLIM_INFINITY))
    signal.alarm(60)


def _tracer(reached: set[str], known: set[str]) -> Callable[..., Any]:
    """Notes the lines of this package that follow each other, as `file:one>other`."""
    numbers: dict[CodeType, str] = {}

    def of_line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            code = frame.f_code
            key = f"{numbers[code]}{last.get(frame, 0)}>{frame.f_lineno}"
            last[frame] = frame.f_lineno
            if key not in known:
                reached.add(key)
        elif event == "return":
            last.pop(frame, None)
        return of_line

    last: dict[FrameType, int] = {}

    def of_call(frame: FrameType, _: str, __: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE):
            return None
        if code not in numbers:
            numbers[code] = f"{Path(code.co_filename).stem}:"
        return of_line

    return of_call


HOOK: Hook


def main() -> int:
    """The command line; exit code 1 where a fault was found."""
    global HOOK  # noqa: PLW0603 - one hook in a process, as Python never takes one away
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("readers", nargs="*")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "fuzzed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        print("\n".join(READERS))
        return 0
    names = options.readers or list(READERS)
    options.folder.mkdir(parents=True, exist_ok=True)
    stock = Stock(options.folder / "stock")
    stock.root.mkdir(exist_ok=True)
    import torch

    torch.set_num_threads(1)
    HOOK = Hook(readable=[*libraries(), stock.root])
    sys.addaudithook(HOOK)
    if options.replay:
        READERS[names[0]].call(options.replay.read_bytes(), _scratch(), stock)
        return 0
    found_any = False
    for name in names:
        began = time.monotonic()
        found = fuzz(
            READERS[name], stock, options.folder, seconds=60 * options.minutes, seed=options.seed
        )
        print(found.summary(name, time.monotonic() - began), flush=True)
        found_any = found_any or bool(found.faults)
    return 1 if found_any else 0


def _scratch() -> Place:
    place = Place(Path(tempfile.mkdtemp(prefix="fuzz-")))
    make_folders(place)
    return place


if __name__ == "__main__":
    sys.exit(main())
