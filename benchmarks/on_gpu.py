"""All that is to be seen of a GPU in fifteen minutes, by one command.

    make gpu [CAMVID=datasets/camvid] [WHEELS=wheels] [PYTHON=python3]
    python benchmarks/on_gpu.py [--data datasets/camvid] [--out runs/on-gpu] [--minutes 14]

The tests that are for a GPU; a profile of a small space in PyTorch, ONNX Runtime's CUDA provider
and TensorRT, each as far as it is installed, in float32 and float16; shipped models timed by turns
on all of them; a shipped model's score; a short search on CamVid (or the built-in scenes) with its
trainings, for the quickest runtime there is.  Each step is a process of its own with seconds of its
own: one that fails, or takes too long, keeps no other from running.  `report.md` in the folder has
device, driver and versions beside each figure, and says what was not run, and why.

Nothing is downloaded: what is not installed there, `make gpu` takes from a folder of wheels, made
elsewhere by `pip download --no-deps --only-binary :all: -d wheels PACKAGE...`, and unpacks beside
the runs.  `--device cpu` is the dry form: the same steps on the processor, as small as they can be.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fasterseg.config import RUNTIMES
from fasterseg.deploy.runtimes.backends import backend_for
from fasterseg.deploy.runtimes.sessions import Running
from fasterseg.errors import FastersegError
from fasterseg.gpus import gpu_conditions
from fasterseg.machine import processor, torch_facts, version_of

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "benchmarks" / "on_gpu.yaml"
SMALLEST = (
    "budget=1000ms",
    "space.layers=2",
    "space.operators=[conv]",
    "space.expansions=[1, 2]",
    "data.street.height=64",
    "data.street.width=64",
    *(f"data.street.{split}={count}" for split, count in (("train", 8), ("val", 2), ("test", 2))),
    "data.workers=0",
    "target.height=64",
    "target.width=64",
    "profile.runs=3",
    "profile.seconds_per_block=0.0001",
    "profile.calibration_networks=4",
    "search.pretrain_steps=2",
    "search.steps=2",
    "search.batch_size=4",
    "search.validation_images=1",
    "search.selection.candidates=2",
    "search.selection.finalists=1",
    "search.selection.images=1",
    "search.selection.calibration_images=4",
    "search.augmentation.crop_height=64",
    "search.augmentation.crop_width=64",
    *(
        f"{role}.{key}"
        for role in ("teacher", "student")
        for key in (
            "steps=2",
            "batch_size=2",
            "evaluate_every=2",
            "augmentation.crop_height=64",
            "augmentation.crop_width=64",
        )
    ),
)
"""What makes the recipe as small as it can be, for the dry form."""
LEAST_SECONDS = 20
"""With less time left nothing more is begun."""
TESTS = ["-m", "pytest", "-q", "-m", "gpu", "-p", "no:cacheprovider", "--timeout", "300"]


@dataclass(frozen=True)
class Step:
    """A command with the most seconds it may take; `figures` are read from what it prints."""

    name: str
    words: tuple[str, ...]
    seconds: int
    figures: Callable[[str], Mapping[str, str]] = lambda _said: {}


@dataclass(frozen=True)
class Done:
    """A step and what became of it."""

    step: str
    outcome: str
    seconds: float
    figures: Mapping[str, str] = field(default_factory=dict)


Run = Callable[[Step], tuple[int | None, str]]
"""Runs a step: its exit code, None where it took too long, and what it printed."""


def steps_of(device: str, data: str, out: Path, targets: Sequence[str]) -> Iterator[Step]:
    """The steps, the most telling first."""
    is_dry = device == "cpu"
    cut = [word for change in SMALLEST for word in ("--set", change)] if is_dry else []
    source = ("--data", data) if data else ()
    size = ("--size", "64x64") if is_dry else ("--size", "360x480")
    yield Step("doctor", ("doctor", "--json"), 60)
    yield Step("tests of a GPU", ("tests", f"--device={device}"), 240, tests_told)
    for target in targets:
        run = str(out / "runs" / target.replace(" ", "-"))
        words = ("profile", "--recipe", str(RECIPE), "--run", run, *source, *cut, *_set(target))
        few = () if is_dry else ("--set", "space.expansions=[4]")  # an engine takes seconds
        yield Step(f"profile, {target}", (*words, *few, "--json"), 150, profile_told)
    backends = [word for one in _named(targets) for word in ("--backend", one)]
    there = () if is_dry else ("--precision", "float16", "--device", device)
    for model in ("baseline:fast-scnn",) if is_dry else ("camvid-4ms", "camvid-8ms"):
        timed = ("benchmark", model, *backends, "--precision", "float32", *there, *size)
        report = (
            "--threads",
            "1",
            "--quick",
            "--out",
            str(out / "timed" / model.replace(":", "-")),
        )
        yield Step(f"benchmark, {model}", (*timed, *report, "--json"), 150, benchmark_told)
    if data:
        words = ("evaluate", "camvid-8ms", "--data", data, "--device", device, "--json")
        place = ("--out", str(out / "score.json"))
        yield Step("score of camvid-8ms", (*words, *place), 120, score_told)
    run = str(out / "runs" / "search")
    words = ("run", "--recipe", str(RECIPE), "--run", run, "--device", device, *source)
    yield Step("search", (*words, *cut, *_set(searched_on(targets)), "--json"), 420, run_told)


def searched_on(targets: Sequence[str]) -> str:
    """What the search is for: of an engine each network that is measured would be built."""
    return next(one for one in (*targets[1:], *targets) if not one.startswith("tensorrt"))


def _set(target: str) -> list[str]:
    backend, device, precision = target.split()
    changes = (f"backend={backend}", f"device={device}", f"precision={precision}")
    return [word for change in changes for word in ("--set", f"target.{change}")]


def _named(targets: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(target.split()[0] for target in targets))


def targets_on(device: str) -> tuple[list[str], dict[str, str]]:
    """The targets that are to be had, the usual one first; and why others are not."""
    if device == "cpu":
        return ["pytorch cpu float32", "onnxruntime cpu float32"], {}
    found, missing = [f"pytorch {device} float32"], {}
    for row in RUNTIMES.values():
        if row.is_for_gpus:
            try:
                backend_for(Running(row.name, device=device))
            except FastersegError as error:
                missing[row.name] = f"{error.what}: {error.why}"
                continue
            found += [f"{row.name} {device} {precision}" for precision in row.times_in]
    return found, missing


def tests_told(said: str) -> dict[str, str]:
    """The last line of pytest."""
    return {"tests": said.strip().splitlines()[-1]} if said.strip() else {}


def profile_told(said: str) -> dict[str, str]:
    """How many blocks, and how well they tell whole networks' times."""
    found = _json(said)
    error = found.get("mape")
    share = "not told" if error is None else f"{100 * error:.1f} %"
    return {"blocks": str(found["blocks"]), "too short": str(found["marked"]), "error": share}


def benchmark_told(said: str) -> dict[str, str]:
    """The median of each contestant."""
    report = _json(said)["report"]
    return {one["name"]: f"{one['p50_ms']['value']:.3f} ms" for one in report["contestants"]}


def score_told(said: str) -> dict[str, str]:
    """The mean IoU."""
    return {"mean IoU": f"{100 * _json(said)['report']['mean_iou']:.2f} %"}


def run_told(said: str) -> dict[str, str]:
    """The figures of each network."""
    return {
        one["name"]: f"{100 * one['mean_iou']:.1f} % mean IoU, {one['measured_ms']:.3f} ms"
        for one in _json(said)["networks"]
    }


def _json(said: str) -> dict[str, Any]:
    """The result that a command printed."""
    found: dict[str, Any] = json.loads(said)
    return found


def play(
    steps: Sequence[Step], run: Run, *, seconds: float, tell: Callable[[str], object] = print
) -> list[Done]:
    """Run each step that there is time for; what came out, whatever becomes of the others."""
    found: list[Done] = []
    end = time.monotonic() + seconds
    for one in steps:
        began = time.monotonic()
        if end - began < LEAST_SECONDS:
            found.append(Done(one.name, "not run: the minutes are over", 0.0))
            tell(line_of(found[-1]))
            continue
        step = replace(one, seconds=min(one.seconds, int(end - began)))
        code, said = run(step)
        outcome = {None: f"stopped after {step.seconds} s", 0: "ok"}.get(code, f"exit code {code}")
        try:
            figures = step.figures(said) if said else {}
        except (ValueError, KeyError, TypeError) as error:
            figures = {"not understood": str(error)}
        found.append(Done(step.name, outcome, round(time.monotonic() - began, 1), figures))
        tell(line_of(found[-1]))
    return found


def line_of(done: Done) -> str:
    """A step in one line."""
    told = "; ".join(f"{name}: {figure}" for name, figure in done.figures.items())
    return f"{done.step}: {done.outcome}, {done.seconds:g} s" + (f"; {told}" if told else "")


def report(done: Sequence[Done], facts: Mapping[str, str], missing: Mapping[str, str]) -> str:
    """All figures, with what they belong to beside each."""
    where = ", ".join(f"{name} {told}" for name, told in facts.items())
    rows = [
        f"| {one.step} | {one.outcome} | {one.seconds:g} | {name} | {figure} | {where} |"
        for one in done
        for name, figure in (one.figures or {"": ""}).items()
    ]
    lines = ["# On a GPU", "", "| step | outcome | s | what | figure | measured on |"]
    lines += ["| --- | --- | ---: | --- | --- | --- |", *rows, ""]
    lines += [f"- {name} was not run: {why}" for name, why in missing.items()]
    return "\n".join(lines) + "\n"


def facts_of(device: str) -> dict[str, str]:
    """The device, its driver, and the versions of what computes."""
    known = {"device": device, "processor": processor().name}
    if device != "cpu":
        index = int(device.partition(":")[2] or 0)
        known |= gpu_conditions(index)
    libraries = {row.package: version_of(*row.distributions) for row in RUNTIMES.values()}
    known |= {name: version for name, version in libraries.items() if version}
    return known | {"torch": str(torch_facts().version)}


def in_processes(out: Path, environment: Mapping[str, str]) -> Run:
    """Each step in a process of its own; what it says lies in the folder too."""

    def run(step: Step) -> tuple[int | None, str]:
        command = TESTS if step.words[0] == "tests" else ["-m", "fasterseg", step.words[0]]
        log = out / "logs" / f"{step.name.replace(' ', '-').replace(',', '')}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as errors:
            try:
                done = subprocess.run(
                    [sys.executable, *command, *step.words[1:]],
                    cwd=ROOT,
                    env=dict(environment),
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    timeout=step.seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return None, ""
        log.with_suffix(".out").write_text(done.stdout, encoding="utf-8")
        return done.returncode, done.stdout

    return run


def with_package(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, in which this checkout's package is found."""
    places = [str(ROOT / "src"), *filter(None, [environment.get("PYTHONPATH")])]
    return {**environment, "PYTHONPATH": os.pathsep.join(places)}


def main(words: Sequence[str] | None = None, *, run: Run | None = None) -> int:
    """Run all steps and write the report; 0 where all of them went well."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1; cpu for the dry form")
    parser.add_argument("--data", default="", help="CamVid's folder; the built-in scenes without")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "on-gpu")
    parser.add_argument("--minutes", type=float, default=14, help="all that it may take")
    chosen = parser.parse_args(words)
    out = chosen.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    targets, missing = targets_on(chosen.device)
    data = str(Path(chosen.data).resolve()) if chosen.data else ""
    steps = [*steps_of(chosen.device, data, out, targets)]
    started = run or in_processes(out, with_package(os.environ))
    done = play(steps, started, seconds=60 * chosen.minutes)
    text = report(done, facts_of(chosen.device), missing)
    (out / "report.md").write_text(text, encoding="utf-8")
    print(f"\n{text}\nwritten: {out / 'report.md'}")
    return 0 if all(one.outcome == "ok" for one in done) else 1


if __name__ == "__main__":
    sys.exit(main())
