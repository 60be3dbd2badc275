"""Hostile run folders: forged files, links that lead out, recipes that name other places."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from case import HostileFile, Place, Words
from documents import BIDI, ESCAPE, ODD_DOCUMENTS, odd_texts
from odd_artifacts import made_odd, with_content
from stock import Stock
from ways import brought, out, way

_RUN_FILES = (
    *("recipe.json", "data.json", "stages.json", "latency/table.json", "search/summary.json"),
    *("search/student.json", "evaluation/student-result.json", "evaluation/student-best-test.json"),
    *("training/student/report.json", "training/student/best/card.json"),
)


def runs(stock: Stock) -> Iterator[HostileFile]:
    """Run folders with one of their files changed, or with names that lead elsewhere."""
    run = brought("run")
    ways: dict[str, Words] = {
        "report": way("report", run, "--out", out("page.html")),
        "describe": way("describe", run),
        "draw": way("draw", run),
    }
    resumed: dict[str, Words] = {
        "plan": way("plan", "--run", out("run")),
        "train": way("train", "--run", out("run")),
        "search": way("search", "--run", out("run")),
        "evaluate": way("evaluate", out("run/training/student/best"), "--run", out("run")),
    }
    for file in _RUN_FILES:
        for name, data in odd_texts():
            if name in ("empty", "5,000 brackets", "no UTF-8", "NaN alone", "a list"):
                yield HostileFile(
                    name=f"{file}: {name}",
                    kind="run",
                    write=_run_with(stock, file, lambda _, data=data: data),
                    ways=ways,
                    expect="either",
                )
        for name in ODD_DOCUMENTS:
            if any(word in name for word in ("escape", "escaping", "bidi", "NaN", "path", "4,301")):
                yield HostileFile(
                    name=f"{file} {name}",
                    kind="run",
                    write=_run_with(stock, file, made_odd(name)),
                    ways=ways,
                    expect="either",
                )
    for name, data in odd_texts():
        if name not in ("a pickle", "a web page"):
            yield HostileFile(
                name=f"resumed recipe.json: {name}",
                kind="run",
                write=_resumed_with(stock, "recipe.json", data),
                ways=resumed,
            )
    for name, change in _ODD_STORED_RECIPES.items():
        yield HostileFile(
            name=f"stored recipe {name}",
            kind="run",
            write=_run_with(stock, "recipe.json", with_content(change)),
            ways={**ways, "plan": way("plan", "--run", run)},
            expect="either",
        )
    for name, write in _odd_run_folders(stock).items():
        yield HostileFile(name=f"run {name}", kind="run", write=write, ways=ways, expect="either")


def _run_with(
    stock: Stock, file: str, change: Callable[[bytes], bytes]
) -> Callable[[Place], object]:
    def write(place: Place) -> None:
        path = stock.copy(stock.run, place.brought / "run") / file
        path.write_bytes(change(path.read_bytes() if path.exists() else b'{"content": {"a": 1}}'))

    return write


def _resumed_with(stock: Stock, file: str, data: bytes) -> Callable[[Place], object]:
    def write(place: Place) -> None:
        (stock.copy(stock.run, place.out / "run") / file).write_bytes(data)

    return write


_ODD_STORED_RECIPES: dict[str, Callable[[dict[str, Any]], None]] = {
    "with a contender that leads up": lambda c: c["contenders"][0].update(name="../../x"),
    "with a contender from the root": lambda c: c["contenders"][0].update(name="/tmp/x"),
    "with an escaping contender": lambda c: c["contenders"][0].update(name=ESCAPE),
    "with a contender of 5,000 letters": lambda c: c["contenders"][0].update(name="x" * 5_000),
    "with a contender of no letters": lambda c: c["contenders"][0].update(name=""),
    "with a contender that is a dot": lambda c: c["contenders"][0].update(name="."),
    "with data outside": lambda c: c["data"].update(source="/etc"),
    "with a split that leads up": lambda c: c["data"].update(test_split="../../x"),
    "with an escaping name": lambda c: c.update(name=ESCAPE),
    "with a bidirectional name": lambda c: c.update(name=BIDI),
    "with 10^9 threads": lambda c: c.update(threads=10**9),
    "with a target of 10^9 rows": lambda c: c["target"].update(height=10**9),
}


def _odd_run_folders(stock: Stock) -> dict[str, Callable[[Place], object]]:
    def linked(file: str, to: str) -> Callable[[Place], object]:
        def write(place: Place) -> None:
            path = stock.copy(stock.run, place.brought / "run") / file
            if path.is_dir():
                path.rename(path.with_name(f"{path.name}-away"))
            else:
                path.unlink(missing_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(place.root / to)

        return write

    def special(file: str) -> Callable[[Place], object]:
        def write(place: Place) -> None:
            path = stock.copy(stock.run, place.brought / "run") / file
            path.unlink(missing_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(path)

        return write

    found: dict[str, Callable[[Place], object]] = {}
    for file in ("recipe.json", "data.json", "search/summary.json", "search/student.json"):
        found[f"with a link outside for {file}"] = linked(file, "outside/secret.txt")
        found[f"with a named pipe for {file}"] = special(file)
        found[f"with a device for {file}"] = linked(file, "../../../../../../../dev/zero")
    for file in ("search/cosearch/events.jsonl", "latency/table.json", "stages.json"):
        found[f"with a named pipe for {file}"] = special(file)
        found[f"with a link outside for {file}"] = linked(file, "outside/secret.txt")
    found["with a link outside for search"] = linked("search", "outside")
    found["with a link to itself for search"] = linked("search", "brought/run/search")
    return found
