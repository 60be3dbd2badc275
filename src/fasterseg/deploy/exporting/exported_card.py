"""What an exported file says of itself; it travels inside the file, as one JSON text."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Self

from pydantic import ValidationError
from torch import nn

from fasterseg.artifacts import Artifact, first_fault
from fasterseg.config import OutputForm, Precision
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.reading import DEFAULT_READING, Reading, without_default_reading
from fasterseg.datasets.transforms import Normalisation
from fasterseg.errors import FileError
from fasterseg.network.card import Card
from fasterseg.network.network import WholeJob
from fasterseg.space.blocks import Size
from fasterseg.strict_json import NotStrict, load_json
from fasterseg.version import __version__

METADATA_KEY = "fasterseg"


class ExportedCard(Artifact):
    """Classes, colours, normalisation and digests of an exported network.

    The normalisation is part of the graph, whose input is the uint8 image itself; it stands here
    for the record.  So is the taking out of colour; the rest of `reading` is for whoever makes
    pixels of pictures, as `ExportedPredictor` does.  Without `height` and `width` the graph takes
    images of any size.
    `weights_digest` says which weights these are, `bundle_digest` which bundle they came from.
    """

    schema_tag: ClassVar[str] = "fasterseg/exported/1"

    name: str
    label_space: LabelSpace
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    reading: Reading = DEFAULT_READING
    output: OutputForm = "labels"
    precision: Precision = "float32"
    height: int | None = None
    width: int | None = None
    bundle_digest: str = ""
    weights_digest: str = ""
    terms: str = ""
    fasterseg: str = __version__

    @classmethod
    def of(
        cls,
        card: Card,
        *,
        output: OutputForm,
        precision: Precision,
        size: Size | None,
        bundle_digest: str,
        weights_digest: str,
    ) -> Self:
        """The card of what a bundle is exported to."""
        return cls(
            name=card.name,
            label_space=card.label_space,
            mean=card.mean,
            std=card.std,
            reading=card.reading,
            output=output,
            precision=precision,
            height=None if size is None else size.height,
            width=None if size is None else size.width,
            bundle_digest=bundle_digest,
            weights_digest=weights_digest,
            terms=card.training.terms,
        )

    def content(self) -> dict[str, Any]:
        """The card as a JSON value; the default reading is left out, as older files have it."""
        return without_default_reading(super().content(), self.reading)

    @property
    def size(self) -> Size | None:
        """The images' size; None where any will do."""
        if self.height is None or self.width is None:
            return None
        return Size(self.height, self.width)

    @property
    def normalisation(self) -> Normalisation:
        """What the graph normalises images with."""
        return Normalisation(self.mean, self.std)

    def to_text(self) -> str:
        """The card as the text that files carry."""
        return json.dumps({"schema": self.schema_tag, "content": self.content()}, sort_keys=True)

    @classmethod
    def from_text(cls, text: str | None, *, where: str) -> Self:
        """The card in a file's metadata; `FileError` where there is none, or an odd one."""
        try:
            document = load_json(text or "null")
            if not isinstance(document, dict) or document.get("schema") != cls.schema_tag:
                raise _foreign(where, f"its metadata holds no {cls.schema_tag}")
            return cls.model_validate(document.get("content"))
        except ValidationError as error:
            raise _foreign(where, first_fault(error)) from error
        except NotStrict as error:
            raise _foreign(where, str(error)) from error


def _foreign(where: str, why: str) -> FileError:
    return FileError(
        "this file was not exported by this version of fasterseg",
        where=where,
        why=why,
        next_step="fasterseg export MODEL --out FILE",
    )


def whole_job(network: nn.Module, card: ExportedCard) -> WholeJob:
    """The job from image to the card's output, read, normalised and computed as it says."""
    assert card.precision != "bfloat16"
    job = WholeJob(
        network,
        card.mean,
        card.std,
        output=card.output,
        precision=card.precision,
        grey=card.reading.is_grey,
    )
    job.eval()
    return job
