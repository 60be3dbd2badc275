"""The last proof of a run whose device is another host: the finished files, measured and run there.

A file is exported, verified and scored here; what is promised of it is what the device measured of
that very file, and that its labels are there what they are here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fasterseg.artifacts import digest_of_file
from fasterseg.config import AsFastAs, ContenderSettings, Recipe
from fasterseg.console.options import IMAGES
from fasterseg.datasets.sources.source import DataSource
from fasterseg.deploy.benchmark.matching import graph_on_target
from fasterseg.deploy.benchmark.measuring import NetworkLatency
from fasterseg.deploy.shipping.deploying import deploy_for
from fasterseg.deploy.shipping.origin import origin_of
from fasterseg.deploy.shipping.report_places import report_beside, report_of
from fasterseg.deploy.shipping.verification import Evidence, at_size, evidence_of
from fasterseg.deploy.shipping.verification_report import TOLERANCES, ExportReport
from fasterseg.errors import FileError, VerificationError
from fasterseg.kit.kept import agreement_of
from fasterseg.kit.packing import pack_networks
from fasterseg.kit.reading import latencies_of
from fasterseg.kit.writing import PackedKit
from fasterseg.latency.models import ModelComparison
from fasterseg.latency.table import Target
from fasterseg.network.bundle import weights_digest
from fasterseg.pipeline.devices.remote import There, compared
from fasterseg.pipeline.models.verifying import int8_evidence_of
from fasterseg.pipeline.stages.delivering import Scored, result_of
from fasterseg.reporting.results import NetworkResult
from fasterseg.runs import RunFolder
from fasterseg.runtime import threads_kept
from fasterseg.searching.summaries.summary import SearchSummary
from fasterseg.stopping import Show, StopRequest, stoppable

PROOF = "proof"
LABELLED_IMAGES = 10
"""So many images' labels come back with the latencies."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is handed over: a run's networks, the data that they are scored on, their search."""

    recipe: Recipe
    folder: RunFolder
    source: DataSource
    summary: SearchSummary

    @property
    def split(self) -> str:
        """What is scored."""
        return self.recipe.data.test_split

    def file(self, name: str) -> Path:
        """A network's exported file."""
        return self.folder.exported(name).with_suffix(".onnx")

    @property
    def evidence(self) -> Evidence:
        """The images that files are verified on, and in int8 made from."""
        found = evidence_of(self.source, self.split, images=IMAGES)
        if self.recipe.target.precision != "int8":
            return found
        return replace(found, int8=int8_evidence_of(self.recipe, self.source))


def deliver_there(
    delivery: Delivery,
    contenders: Sequence[ContenderSettings],
    there: There,
    *,
    show: Show,
    stop: StopRequest | None = None,
) -> list[NetworkResult]:
    """Hand the contenders' networks over, all in one round, and keep what came out as results.

    Raises `VerificationError` where the device's labels are others than those here.
    """
    folder, names = delivery.folder, [one.name for one in contenders]
    asked = {
        "table": there.table.digest(),
        "bundles": {name: weights_digest(folder.bundle(name)) for name in names},
        "models": delivery.recipe.models_to_match,
    }

    def pack(into: Path) -> PackedKit:
        for name in names:
            _export(delivery, name, there.target, show=show, stop=stop)
        return _packed(delivery, names, there, into)

    why = f"how long {_listed(names)} take as handed over, and how they label some images"
    with there.round(PROOF, asked=asked, pack=pack, why=why) as answer:
        found = latencies_of(answer.kit.manifest, answer.measured)
        shares = agreement_of(answer.kit, answer.measured)
        results = [
            _result(delivery, one, found)
            for one in contenders
            if _agrees(shares[one.name], there.target)
        ]
        for result in results:
            result.save(folder.result(result.name))
    for name in names:
        if not _agrees(shares[name], there.target):
            raise _other_labels(name, delivery.file(name), shares[name], there.target)
    return results


def _export(
    delivery: Delivery, name: str, target: Target, *, show: Show, stop: StopRequest | None
) -> None:
    """Write, verify and score a network's file."""
    total, bundle = delivery.source.length(delivery.split), delivery.folder.bundle(name)
    shown = stoppable(show, stop, f"Exporting {name}", total=total, unit="images")
    with shown as step, threads_kept():
        deploy_for(
            origin_of(str(bundle)), delivery.evidence, target, delivery.file(name), progress=step
        )


def _packed(delivery: Delivery, names: Sequence[str], there: There, into: Path) -> PackedKit:
    """The kit of the files and of the models that they are to match, with some images."""
    files = {name: delivery.file(name) for name in names}
    target, models = there.target, delivery.recipe.models_to_match
    images = delivery.evidence.images[:LABELLED_IMAGES]
    return pack_networks(
        {**files, **{model: graph_on_target(model, target) for model in models}},
        target,
        images=[at_size(image, target.geometry.size) for image in images],
        reference=there.reference(),
        name=PROOF,
        into=into,
    )


def _result(
    delivery: Delivery, contender: ContenderSettings, found: Mapping[str, NetworkLatency]
) -> NetworkResult:
    """What a network came to; raises `FileError` where its file is another by now."""
    own, file = found[contender.name], delivery.file(contender.name)
    report = ExportReport.load(report_of(file) or report_beside(file))
    if not own.digest == report.file_digest == digest_of_file(file):
        raise FileError(
            "the exported file changed after it was sent to the device",
            where=str(file),
            why="it does not have the digest of the file that was measured there",
            next_step="remove the folder and the zip of this round, which lie in "
            f"{delivery.folder.kits}, and run the command again",
        )
    result = result_of(
        delivery.recipe,
        delivery.folder,
        contender,
        delivery.summary,
        own,
        scored=Scored(report.file_digest, report.verification.mean_iou),
    )
    return result.model_copy(update={"against": _against(delivery.recipe, contender, found)})


def _against(
    recipe: Recipe, contender: ContenderSettings, found: Mapping[str, NetworkLatency]
) -> ModelComparison | None:
    """A student beside the model of its budget; None where that is no model."""
    if contender.role != "student":
        return None
    budget = AsFastAs.of(recipe.budget_of(contender))
    if budget is None:
        return None
    own, model = found[contender.name], found[budget.model]
    known = compared(budget, own.median_ms, model.median_ms)
    assert known.ratio is not None
    spread = math.hypot(own.spread, model.spread)
    return known.model_copy(
        update={
            "low": known.ratio * max(0.0, 1 - spread),
            "high": known.ratio * (1 + spread),
            "rounds": min(own.windows, model.windows),
            "quiet_rounds": min(own.steady_windows, model.steady_windows),
        }
    )


def _agrees(share: float, target: Target) -> bool:
    return share >= _allowed(target)


def _allowed(target: Target) -> float:
    """The smallest share of pixels that have the same label there as here."""
    return TOLERANCES[target.precision].labels


def _other_labels(name: str, file: Path, share: float, target: Target) -> VerificationError:
    return VerificationError(
        f"on the device {name} labels other pixels than here",
        where=str(file),
        why=f"{100 * share:.3f} % of the pixels of some images have the same label there, and "
        f"{100 * _allowed(target):.2f} % must",
        next_step="run the kit once more on the device, with another version of its runtime; the "
        "same command here asks for it",
    )


def _listed(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
