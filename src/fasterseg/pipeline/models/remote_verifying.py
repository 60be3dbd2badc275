"""Whether an exported file does on a device that is another host's what its network does here."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np

from fasterseg.artifacts import digest_of_file
from fasterseg.config import TargetSettings, build_recipe
from fasterseg.console.options import Common
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes.models import require_model
from fasterseg.deploy.runtimes.opening import open_export
from fasterseg.deploy.runtimes.sessions import Image, Running, Session
from fasterseg.deploy.shipping.origin import origin_of
from fasterseg.deploy.shipping.verification import Evidence, Subject, at_size, verify
from fasterseg.deploy.shipping.verification_report import VerificationReport
from fasterseg.deploy.shipping.verified_export import save_evidence
from fasterseg.errors import UsageError
from fasterseg.kit.measured import MEASURED_FILE
from fasterseg.kit.packing import pack_networks
from fasterseg.kit.writing import PackedKit
from fasterseg.latency.table import Target
from fasterseg.latency.timing import Call, Stopwatch
from fasterseg.pipeline.devices.rounds import Answer, Rounds, host_of
from fasterseg.pipeline.models.verifying import evidence_for, evidence_place, require_images
from fasterseg.scratch import scratch_folder
from fasterseg.stopping import Show

KIT = "verify"


@dataclass(frozen=True)
class GraphThere:
    """A file that ran on a device: the labels that came back, by the bytes of their images."""

    digest: str
    labels: Mapping[bytes, np.ndarray[Any, Any]]
    said: Mapping[str, str]

    def run(self, images: Image) -> np.ndarray[Any, Any]:
        """The labels of one of the images that were sent."""
        return self.labels[images.tobytes()][None]

    def timed(
        self, images: Image, stopwatch: Stopwatch
    ) -> tuple[np.ndarray[Any, Any], dict[str, float]]:
        """The labels, and no time: it passed there."""
        return self.run(images), {}

    def resident(self, images: Image) -> Call:
        """What gives the labels again."""
        return partial(self.run, images)

    def facts(self) -> Mapping[str, str]:
        """What the device says that it did."""
        return self.said


def verify_there(
    path: Path,
    common: Common,
    *,
    against: str,
    running: Running,
    split: str,
    images: int,
    out: Path | str,
    show: Show,
) -> VerificationReport:
    """As `verify_named`, of what a device makes of the images; they are not scored.

    By hand the kit lies beside the report, and is waited for there.
    """
    require_images(images)
    require_model(against)
    place, settings = evidence_place(path, out), _settings(common, running)
    _, card = open_export(path, Running("onnxruntime", running.threads))
    target = _target(path, card, settings)
    origin = origin_of(against)
    found = evidence_for(against, common, split=split, images=images, card=card)
    seen = [at_size(image, target.geometry.size) for image in found.images]
    evidence = Evidence(seen, found.image_source)
    with ExitStack() as stack:
        folder = place.with_name(f"{place.name.removesuffix(path.suffix)}-kit")
        if settings.host.startswith("ssh"):
            folder = stack.enter_context(scratch_folder(Path(gettempdir()), "fasterseg-verify-"))
        typed = f"lay {MEASURED_FILE} into {shlex.quote(str(folder / KIT))}"
        rounds = Rounds(folder, host_of(settings.host, show=show, read_with=typed))
        asked = {
            "file": digest_of_file(path),
            "target": target.model_dump(mode="json"),
            "images": [image.tobytes().hex()[:64] for image in seen],
            "source": found.image_source,
        }

        def pack(into: Path) -> PackedKit:
            return pack_networks({path.name: path}, target, images=seen, name=KIT, into=into)

        why = f"how {path.name} labels {len(seen)} images"
        with rounds.round(KIT, asked=asked, pack=pack, why=why) as answer:
            session = _session(path, answer, evidence)
            subject = Subject(
                session, card, origin.card_like(card), origin.predictor, path.name, against
            )
            with show(f"Verifying {path}", total=0, unit="images") as step:
                report, difference = verify(subject, evidence, progress=step)
    return save_evidence(place, report, difference, origin.card_like(card))


def _settings(common: Common, running: Running) -> TargetSettings:
    """Where and how the file runs."""
    said = [f"target.host={common.host}", f"target.threads={running.threads}"]
    said += [] if running.runtime is None else [f"target.backend={running.runtime}"]
    said += [] if running.tail is None else [f"target.tail={running.tail}"]
    said += [f"target.precision={running.precision}"]
    return build_recipe(None, overrides=tuple(said)).target


def _target(path: Path, card: ExportedCard, settings: TargetSettings) -> Target:
    """The file's target; raises `UsageError` where a kit cannot hold the file."""
    if path.suffix != ".onnx" or card.output != "labels" or card.size is None:
        raise UsageError(
            f"{path.name} cannot be run on another device",
            where=str(path),
            why="a kit holds ONNX files that take images of one size and end at labels",
            next_step="fasterseg export MODEL --format onnx --size 360x480, and name that file",
        )
    sized = settings.model_copy(update={"height": card.size.height, "width": card.size.width})
    return Target.of(sized, card.label_space.classes)


def _session(path: Path, answer: Answer, evidence: Evidence) -> Session:
    measured, manifest = answer.measured, answer.kit.manifest
    back = measured.labels_of(path.name, manifest)
    labels = {image[None].tobytes(): own for image, own in zip(evidence.images, back, strict=True)}
    device, runtime = measured.device, measured.runtime
    facts = {
        "device": f"{device.name} ({device.processor})",
        "runtime": f"{runtime.name} {runtime.version}",
        "precision": runtime.precision,
        "threads": str(runtime.threads),
    }
    sha256 = measured.promised[path.name].sha256
    return Session(GraphThere(f"sha256:{sha256}", labels, facts))
