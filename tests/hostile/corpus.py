"""The corpus: every hostile file by every verb that opens it, each judged.

    python tests/hostile/corpus.py list [WORD ...]       names of cases that have all of the words
    python tests/hostile/corpus.py run [WORD ...]        run them; print what is wrong
    python tests/hostile/corpus.py show NAME             run one; print all that it said
    python tests/hostile/corpus.py table [WORD ...]      run them; print a table by kind and verb
    python tests/hostile/corpus.py count                 how many files, cases, kinds and verbs

`--seed` shuffles, `--share N` runs every N-th case, `--faults FILE` appends what is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Self

HERE = Path(__file__).parent
for folder in (HERE, HERE.parent / "support", HERE.parents[1] / "src"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import of_architectures  # noqa: E402
import of_bundles  # noqa: E402
import of_data_files  # noqa: E402
import of_kits  # noqa: E402
import of_layouts  # noqa: E402
import of_logs  # noqa: E402
import of_official  # noqa: E402
import of_onnx  # noqa: E402
import of_openvino  # noqa: E402
import of_pictures  # noqa: E402
import of_programs  # noqa: E402
import of_recipes  # noqa: E402
import of_runs  # noqa: E402
import of_surroundings  # noqa: E402
import of_teachers  # noqa: E402
import of_videos  # noqa: E402
from case import SECRET, Case, HostileFile, Place, Words, cases_of  # noqa: E402
from server import Seen, Server, make_folders  # noqa: E402
from stock import Stock, small  # noqa: E402
from verdicts import Cost, Verdict, judge  # noqa: E402
from ways import of_data as ways_of_data  # noqa: E402
from ways import of_model, out, way  # noqa: E402
from zoo_encoders import png, scene  # noqa: E402

KINDS: tuple[Callable[[Stock], Iterable[HostileFile]], ...] = (
    of_architectures.architectures,
    of_architectures.tables,
    of_bundles.bundles,
    of_kits.answers,
    of_kits.kits,
    of_runs.runs,
    of_logs.logs,
    of_logs.checkpoints,
    of_recipes.recipes,
    of_recipes.overrides,
    of_data_files.data_files,
    of_data_files.list_files,
    of_data_files.split_files,
    of_layouts.special_files,
    of_layouts.layouts,
    of_layouts.names_of_files,
    of_pictures.zoo,
    of_pictures.costly_pictures,
    of_videos.videos,
    of_data_files.other_data,
    of_official.official,
    of_onnx.onnx_files,
    of_openvino.openvino_files,
    of_openvino.engines,
    of_programs.programs,
    of_teachers.teachers,
    of_surroundings.current_folders,
    of_surroundings.environments,
)


def files(stock: Stock) -> Iterator[HostileFile]:
    """Every hostile file."""
    for kind in KINDS:
        yield from kind(stock)


@cache
def names() -> tuple[str, ...]:
    """The names of all cases, without making anything."""
    return tuple(case.name for case in _cases(Stock(Path("nowhere"))))


def cases_of_kind(kind: Callable[[Stock], Iterable[HostileFile]], stock: Stock) -> Iterator[Case]:
    """Every file of a kind by every verb."""
    for file in kind(stock):
        yield from cases_of(file)


def _cases(stock: Stock) -> list[Case]:
    found = [case for file in files(stock) for case in cases_of(file)]
    assert len({case.name for case in found}) == len(found), _twice(found)
    return found


def _twice(cases: Sequence[Case]) -> list[str]:
    return [name for name, count in Counter(case.name for case in cases).items() if count > 1]


def honest_ways(stock: Stock) -> dict[str, Words]:
    """An honest command of each verb, by its name or by ``kind/verb``: what a case may cost.

    Verbs that would take long are measured at a refusal.
    """
    bundle = of_model(stock, lambda _: stock.bundle, _MODEL_VERBS)
    onnx = of_model(stock, lambda _: stock.onnx, ("predict", "evaluate", "verify", "load_model"))
    openvino = of_model(stock, lambda _: stock.openvino, ("predict", "verify", "load_model"))
    program = of_model(
        stock, lambda _: stock.program, ("predict", "evaluate", "verify", "load_model")
    )
    data = ways_of_data(stock, lambda _: stock.data, ("check-data", "open_data", "train", "export"))
    architecture = lambda _: stock.architecture  # noqa: E731
    return {
        **{f"onnx/{verb}": words for verb, words in onnx.items()},
        **{f"card/{verb}": words for verb, words in onnx.items()},
        **{f"openvino/{verb}": words for verb, words in openvino.items()},
        **{f"pt2/{verb}": words for verb, words in program.items()},
        **bundle,
        **data,
        "run/report": lambda place: ["report", str(stock.run), "--out", str(place.out / "p.html")],
        "log/report": lambda place: ["report", str(stock.run), "--out", str(place.out / "p.html")],
        "architecture/describe": way("describe", architecture),
        "architecture/draw": way("draw", architecture),
        "Architecture": way("python", "Architecture", architecture),
        "LatencyTable": lambda _: ["python", "LatencyTable", str(stock.run / "latency/table.json")],
        **{
            verb: way(verb, "--set", "nothing=1", "--run", out("run"))
            for verb in ("plan", "search", "run")
        },
        "current folder/plan": way("plan", "--run", out("run"), *small(), "--set", "budget=1000ms"),
        "journal/profile": way("profile", "--run", out("run"), *small()),
        "doctor": way("doctor", "--run", out("run")),
        "import-arch": lambda place: [
            *("import-official", "--arch", str(of_official.DATA / "arch_1.pt")),
            *("--out", str(place.out / "o")),
        ],
        "import-table": lambda place: [
            *("import-official", "--table", str(of_official.TABLE), "--out", str(place.out / "o"))
        ],
    }


_MODEL_VERBS = (
    *("describe", "draw", "report", "load_model", "load_network", "predict", "evaluate"),
)
_NOTHING = way("describe", "nothing")


class Keeper:
    """Runs cases, each in a folder of its own, and judges them; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stock = Stock(folder / "stock")
        self.stock.root.mkdir(parents=True, exist_ok=True)
        self.server = Server(readable=[self.stock.root])
        self._honest: dict[str, Cost] = {}
        self._ways = honest_ways(self.stock)
        self._number = 0
        self.spent_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self.server.__exit__(*details)

    @contextlib.contextmanager
    def place(self) -> Iterator[Place]:
        """The folders of one case, with secrets outside and traps in the current folder."""
        self._number += 1
        place = Place(self.folder / "cases" / str(self._number))
        shutil.rmtree(place.root, ignore_errors=True)
        make_folders(place)
        (place.outside / "secret.txt").write_text(f"{SECRET}\n")
        (place.outside / "secret.bin").write_bytes(bytes(4096))
        (place.outside / "secret.png").write_bytes(png(scene()))
        (place.outside / "data.yaml").write_text("train: x\nnames: [a]\n")
        (place.here / "canary.bin").write_bytes(bytes(64))
        for name in ("json", "numpy", "torch", "sitecustomize"):
            (place.here / f"{name}.py").write_text(f"open({str(place.mark)!r}, 'w').close()\n")
        try:
            yield place
        finally:
            shutil.rmtree(place.root, ignore_errors=True)

    def run(self, case: Case, *, quick: bool = False) -> tuple[Seen, Verdict]:
        """Run one case; what was seen, and what is to be said of it.

        With `quick`, what it costs is held against a command that does nothing.
        """
        honest = self._cost_of("") if quick else self.honest(case)
        with self.place() as place:
            case.file.write(place)
            words = case.words(place)
            seen = self.server.run(words, place, environment=case.file.environment)
        self.spent_s += seen.cpu_s
        return seen, judge(seen, case.file, honest)

    def honest(self, case: Case) -> Cost:
        """What an honest case of this verb takes, measured once after all is imported."""
        for key in (f"{case.file.kind}/{case.verb}", case.verb):
            if key in self._ways:
                break
        else:
            key = ""
        return self._cost_of(key)

    def _cost_of(self, key: str) -> Cost:
        """What the honest command of that key takes; it must do nothing that a case may not."""
        if key not in self._honest:
            words = self._ways.get(key, _NOTHING)
            for warm in (True, False):
                with self.place() as place:
                    seen = self.server.run(words(place), place, warm=warm)
                cost = Cost(seen.cpu_s, seen.peak_bytes)
                verdict = judge(seen, _HONEST, cost)
                if verdict.word in ("executed", "outside", "crash", "slow", "bug"):
                    raise AssertionError(f"honest {key}: {verdict}: {seen.error[-500:]}")
            self._honest[key] = cost
        return self._honest[key]


_HONEST = HostileFile(name="honest", kind="", write=lambda _: None, ways={}, expect="either")


def chosen(stock: Stock, words: Sequence[str], *, share: int = 1, seed: int = 0) -> list[Case]:
    """The cases whose names have all of the words; every `share`-th of them."""
    found = [case for case in _cases(stock) if all(word in case.name for word in words)]
    if seed:
        random.Random(seed).shuffle(found)
    return found[::share]


@dataclass(slots=True)
class Tally:
    """What became of cases, by kind and verb."""

    counts: defaultdict[tuple[str, str], Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    files: set[str] = field(default_factory=set)

    def add(self, case: Case, verdict: Verdict) -> None:
        """Count one."""
        self.counts[case.file.kind, case.verb][verdict.word] += 1
        self.files.add(f"{case.file.kind}/{case.file.name}")

    def total(self) -> Counter[str]:
        """All of them together."""
        return sum(self.counts.values(), Counter[str]())

    def table(self) -> str:
        """A table by kind and verb."""
        words = sorted(self.total(), key=lambda word: (word not in ("right", "refused"), word))
        lines = [f"{'kind':<16}{'verb':<18}" + "".join(f"{word:>13}" for word in words)]
        for (kind, verb), counts in sorted(self.counts.items()):
            shown = "".join(f"{counts[word] or '.':>13}" for word in words)
            lines.append(f"{kind:<16}{verb:<18}{shown}")
        total = self.total()
        lines.append(f"{'all':<34}" + "".join(f"{total[word] or '.':>13}" for word in words))
        lines.append(f"{len(self.files)} files, {sum(total.values())} cases")
        return "\n".join(lines)


def main() -> int:
    """The command line of the corpus; exit code 1 where something is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("list", "run", "show", "table", "count"))
    parser.add_argument("words", nargs="*")
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", type=Path)
    parser.add_argument("--stock", type=Path)
    options = parser.parse_args()
    if options.what == "list":
        print("\n".join(name for name in names() if all(word in name for word in options.words)))
        return 0
    if options.what == "count":
        cases = _cases(Stock(Path("nowhere")))
        kinds = Counter(f"{case.file.kind}" for case in cases)
        print(f"{len({case.file.name for case in cases})} files, {len(cases)} cases")
        print(f"{len({case.verb for case in cases})} verbs, {len(kinds)} kinds: {dict(kinds)}")
        return 0
    with contextlib.ExitStack() as stack:
        folder = options.stock or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        keeper = stack.enter_context(Keeper(folder))
        return _run_all(keeper, options)


def _run_all(keeper: Keeper, options: argparse.Namespace) -> int:
    tally = Tally()
    cases = chosen(keeper.stock, options.words, share=options.share, seed=options.seed)
    began = time.monotonic()
    faults = 0
    for case in cases:
        try:
            seen, verdict = keeper.run(case)
        except Exception as error:
            print(f"cannot make {case.name}: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        tally.add(case, verdict)
        faults += verdict.is_fault
        if options.what == "show":
            print(
                f"{case.name}\n{seen.out}\n{seen.error}\ncode {seen.code}, {seen.cpu_s:.2f} s, "
                f"{seen.peak_bytes / 1e6:.0f} MB, {seen.finds}"
            )
        if verdict.is_fault or options.what == "show":
            line = f"{verdict.word:<10} {case.name}: {_one_line(verdict.why)}"
            print(line, flush=True)
            if options.faults:
                with options.faults.open("a") as stream:
                    stream.write(line + "\n")
    print(tally.table() if options.what == "table" else dict(tally.total()))
    print(f"{keeper.spent_s:.0f} s of processor, {time.monotonic() - began:.0f} s")
    return 1 if faults else 0


def _one_line(text: str) -> str:
    return " ".join(text.encode("unicode_escape").decode().split())[:400]


if __name__ == "__main__":
    sys.exit(main())
