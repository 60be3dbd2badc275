"""Networks in int8 against themselves in float32: time by turns, and what is lost.

    python benchmarks/int8.py [NETWORK...] [--backend onnxruntime] [--size 360x480] [--threads 2]
                              [--fast-scnn BUNDLE] [--data FOLDER] [--quick]

Networks are bundles, models by name, ``published`` (the authors' student) and baselines; without
any, all of the table in `NETWORKS`.  What was trained on the data, CamVid where it is, is searched
at 360x480 as `export --precision int8` does, and its mIoU is that of the whole test split, in both
types.  What has random weights has none: the share of pixels with the same label stands alone.
Prints what the processor has, then a line for each network, size and number of threads: how many
times as long float32 takes as int8, with its interval, by turns.  Some minutes on a quiet machine.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from fasterseg.baselines.catalogue import BASELINES, baseline_name
from fasterseg.datasets.opening import open_data
from fasterseg.datasets.sample import Pixels
from fasterseg.datasets.sources.part import PartOfSplit, spread
from fasterseg.datasets.sources.source import DataSource
from fasterseg.datasets.transforming.transforms import Normalisation, resize_image
from fasterseg.deploy.benchmark.alternating import AlternationSettings, Query
from fasterseg.deploy.benchmark.benchmark_report import Comparison
from fasterseg.deploy.benchmark.benchmarking import compare_by_turns
from fasterseg.deploy.benchmark.contestants import open_canary
from fasterseg.deploy.exporting.export import export_network
from fasterseg.deploy.exporting.quantisation import Settings
from fasterseg.deploy.runtimes.models import load_network, open_bundle
from fasterseg.deploy.runtimes.quantisers import Quantiser, open_quantiser
from fasterseg.deploy.runtimes.sessions import Running, Session
from fasterseg.deploy.shipping.int8_search import Int8Evidence, Sessions, int8_evidence, int8_of
from fasterseg.errors import VerificationError
from fasterseg.evaluation import evaluate_predictor
from fasterseg.machine import processor
from fasterseg.network.description import NetworkDescription
from fasterseg.network.network import WholeJob
from fasterseg.runtime import numpy_generator, threads_kept
from fasterseg.space.architecture import Architecture
from fasterseg.space.blocks import Size

PUBLISHED = Path(__file__).parents[1] / "docs/studies/networks/published-student.json"
NETWORKS = ("camvid-4ms", "camvid-8ms", "baseline:fast-scnn", "published")
SIZES, THREADS, SEARCHED_AT = ("360x480", "512x1024"), (2, 1), Size(360, 480)
ROUNDS = 10
TURNS = AlternationSettings(warmup_most_runs=20, warmup_seconds=1.0)
AGREED_ON = QUICK = 8


@dataclass(frozen=True)
class Subject:
    """A network with what it is fed; only one that `is_trained` has a score."""

    name: str
    network: nn.Module
    normal: Normalisation
    is_trained: bool

    def model(self, size: Size) -> bytes:
        """Its ONNX model in float32, from bytes to labels."""
        job = WholeJob(self.network, self.normal.mean, self.normal.std)
        return export_network(job.eval(), size)


def main() -> None:
    """Search, score, time and print."""
    chosen = _arguments()
    source = open_data(_data(chosen.data))
    features = processor().features or {}
    print(f"{processor().name}; " + ", ".join(k for k, has in features.items() if has))
    by = _evidence(source, quick=chosen.quick)
    for name in chosen.networks or NETWORKS:
        given = chosen.fast_scnn if name == "baseline:fast-scnn" and chosen.fast_scnn else name
        subject = _subject(name, str(given), source)
        settings = _searched(subject, by, source, chosen)
        for size in map(Size.parse, chosen.size or SIZES):
            model = _quantiser(subject, by, size, 2, chosen.backend).model(settings)
            for threads in chosen.threads or THREADS:
                quantiser = _quantiser(subject, by, size, threads, chosen.backend)
                with threads_kept():
                    told = _timed(quantiser, model, by, size, threads)
                count = f"{threads} thread{'s' if threads > 1 else ''}"
                print(f"{name}, {size}, {count}: {told}", flush=True)


def _searched(
    subject: Subject, by: Int8Evidence, source: DataSource, chosen: argparse.Namespace
) -> Settings:
    """The settings of a network, searched where there is a score; what came out is printed."""
    quantiser = _quantiser(subject, by, SEARCHED_AT, 2, chosen.backend)
    if not subject.is_trained:
        print(f"{subject.name}: random weights; {quantiser.start.describe()}")
        return quantiser.start
    sessions = Sessions(quantiser, "labels", None, whole=True)
    try:
        found = int8_of(sessions, by, name=subject.name)
    except VerificationError as error:
        print(f"{subject.name}: {error.what}: {error.why}")
        return quantiser.start
    print(f"{subject.name}: {found.record.describe()}")
    test = _part(source, "test", quick=chosen.quick)
    scores = [
        evaluate_predictor(sessions.session(model).run, test, "test").mean_iou
        for model in (None, found.model)
    ]
    floats, ints = (100 * score for score in scores)
    images = test.length("test")
    print(
        f"{subject.name}: mIoU on test ({images} images) {floats:.2f} % in float32, "
        f"{ints:.2f} % in int8: {floats - ints:+.2f} points lost"
    )
    return found.record.settings


def _timed(quantiser: Quantiser, model: Any, by: Int8Evidence, size: Size, threads: int) -> str:
    """The ratio by turns at a size, and how many labels are the same."""
    graphs = {
        "int8": Session(quantiser.graph(model)),
        "float32": Session(quantiser.graph(None)),
    }
    images = [_at(image, size) for image in by.images[:AGREED_ON]]
    pairs = [[graphs[name].run(image) for name in graphs] for image in images]
    same = 100 * float(np.mean([(one == other).mean() for one, other in pairs]))
    found = _by_turns({name: _query(one, images) for name, one in graphs.items()}, threads)
    ratio = found.ratio
    told = "too noisy to tell" if ratio is None else f"{ratio.value:.2f} times as fast"
    told += "" if ratio is None else f" ({ratio.low:.2f} to {ratio.high:.2f})"
    return (
        f"{told}, {found.quiet_rounds} of {found.rounds} rounds quiet; {same:.2f} % of labels the "
        f"same; computes in {graphs['int8'].facts()['precision']}"
    )


def _by_turns(queries: Mapping[str, Query], threads: int) -> Comparison:
    return compare_by_turns(
        queries,
        canary=open_canary(threads, "cpu"),
        rounds=ROUNDS,
        needed_rounds=ROUNDS // 2,
        most_rounds=2 * ROUNDS,
        alternation=TURNS,
        generator=numpy_generator(0, "int8", *queries),
        on_busy=True,
    )


def _query(session: Session, images: Sequence[Pixels]) -> Query:
    return lambda number: session.run(images[number % len(images)])


def _quantiser(
    subject: Subject, by: Int8Evidence, size: Size, threads: int, backend: str
) -> Quantiser:
    images = [_at(image, size)[None] for image in by.images]
    return open_quantiser(backend, subject.model(size), images, Running(backend, threads))


def _subject(name: str, model: str, source: DataSource) -> Subject:
    """A bundle, or a network with random weights where the name stands for one."""
    classes = source.label_space.classes
    if name == "published" or baseline_name(model):
        description = (
            NetworkDescription(classes=19, architecture=Architecture.load(PUBLISHED))
            if name == "published"
            else NetworkDescription(classes=classes, baseline=str(baseline_name(model)))
        )
        network = description.build_seeded(0, baselines=BASELINES).eval()
        return Subject(name, network, Normalisation(), is_trained=False)
    card = open_bundle(model).card
    return Subject(
        name,
        load_network(model),
        card.normalisation,
        is_trained=card.label_space.names == source.label_space.names,
    )


def _evidence(source: DataSource, *, quick: bool) -> Int8Evidence:
    """What networks are made and judged by; the quick look takes fewer images of everything."""
    found = int8_evidence(source, train_split="train", val_split="val", max_drop=0.5)
    if not quick:
        return found
    return replace(found, images=found.images[:QUICK], source=_part(source, "val", quick=True))


def _part(source: DataSource, split: str, *, quick: bool) -> DataSource:
    """A split, or a part of it."""
    count = source.length(split)
    return PartOfSplit(source, split, spread(range(count), QUICK if quick else count))


def _at(image: Pixels, size: Size) -> Pixels:
    return image if image.shape[:2] == tuple(size) else resize_image(image, size)


def _data(named: Path | None) -> str:
    """The data that was named, else CamVid where it is."""
    return str(named or Path(os.environ.get("FASTERSEG_TEST_DATA", "")) / "camvid")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Raw)
    parser.add_argument("networks", nargs="*", help="bundles, names, published, baseline:NAME")
    parser.add_argument("--backend", default="onnxruntime", help="onnxruntime or openvino")
    parser.add_argument("--size", action="append", help="may be repeated")
    parser.add_argument("--threads", action="append", type=int, help="may be repeated")
    parser.add_argument("--fast-scnn", help="a trained bundle in place of random weights")
    parser.add_argument("--data", type=Path, help="where CamVid lies")
    parser.add_argument("--quick", action="store_true", help="8 images in place of each split")
    return parser.parse_args()


class _Raw(argparse.RawDescriptionHelpFormatter):
    """Prints the description as it is."""


if __name__ == "__main__":
    main()
