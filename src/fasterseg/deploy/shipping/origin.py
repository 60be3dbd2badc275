"""The network that a file is made from, and what it is known by."""

from __future__ import annotations

from dataclasses import dataclass

from fasterseg.baselines.catalogue import BASELINES
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.exporting.formats import ExportForm
from fasterseg.deploy.runtimes.models import open_bundle
from fasterseg.network.bundle import ModelBundle, bundle_digest, weights_digest
from fasterseg.network.named_models import model_path
from fasterseg.network.predicting import NetworkPredictor


@dataclass(frozen=True)
class Origin:
    """A bundle with its digests, and what it is called."""

    bundle: ModelBundle
    predictor: NetworkPredictor
    name: str
    bundle_digest: str
    weights_digest: str

    def card_like(self, form: ExportForm | ExportedCard) -> ExportedCard:
        """The card of a faithful export in a form, or in that of another export."""
        return ExportedCard.of(
            self.bundle.card,
            output=form.output,
            precision=form.precision,
            computes_in=form.computes_in,
            quantisation=form.quantisation,
            size=form.size,
            resizes_to=form.resizes_to,
            bundle_digest=self.bundle_digest,
            weights_digest=self.weights_digest,
        )


def origin_of(model: str) -> Origin:
    """A bundle with its network in PyTorch; raises as `load_network` does."""
    bundle, folder = open_bundle(model), model_path(model)
    predictor = NetworkPredictor(
        bundle.network(baselines=BASELINES, where=model),
        label_space=bundle.card.label_space,
        normalisation=bundle.card.normalisation,
        reading=bundle.card.reading,
        size=bundle.card.size,
    )
    return Origin(bundle, predictor, model, bundle_digest(folder), weights_digest(folder))
