"""What an exported file says of itself; it travels inside the file, as one JSON text.

The text's schema says whether the file is sealed (`seals`): every file that is written is.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, ValidationError, model_validator
from torch import nn

from fasterseg.artifacts import Artifact, first_fault
from fasterseg.config import OutputForm, Precision
from fasterseg.config.working_size import WorkingSize
from fasterseg.datasets.labels import LabelSpace
from fasterseg.datasets.pictures.reading import DEFAULT_READING, Reading, without_default_reading
from fasterseg.datasets.transforming.transforms import Normalisation
from fasterseg.deploy.exporting.quantisation import Quantisation
from fasterseg.deploy.exporting.seals import CHANGED, COPY_AGAIN
from fasterseg.deploy.tail.beside import Suffix, digests
from fasterseg.errors import FileError
from fasterseg.foreign.bounds import LONGEST_SIDE
from fasterseg.foreign.numbers import Deviation, Mean
from fasterseg.foreign.strict_json import NotStrict, load_json, require_computable
from fasterseg.layers.resampling import Resampling
from fasterseg.network.card import Card, TrainedOn
from fasterseg.network.network import WholeJob
from fasterseg.space.blocks import Size
from fasterseg.version import __version__

METADATA_KEY = "fasterseg"

Digest = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]


class ExportedCard(Artifact):
    """Classes, colours, normalisation and digests of an exported network.

    The normalisation is part of the graph, whose input is the uint8 image itself; it stands here
    for the record.  So is the taking out of colour; the rest of `reading` is for whoever makes
    pixels of pictures, as `ExportedPredictor` does.  Without `height` and `width` the graph takes
    images of any size.  `working_size`, height and width, is what pictures are brought to before
    the network sees them, where it was trained so: by whoever runs the graph, or, where it
    `resizes`, by the graph itself, which gives labels of the pictures' own sizes.
    `weights_digest` says which weights these are, `bundle_digest` which bundle they came from, and
    `trained_on` whose images are in them; None in the files of earlier versions.
    `tail` has the digests of the files, by what is appended to the name of this one, that make
    labels of low-resolution logits (`deploy.tail.beside`).
    What is in int8 has the record of its `quantisation`; `computes_in` is what a runtime turns the
    file's float32 to, where the file was verified and timed in that.
    """

    schema_tag: ClassVar[str] = "fasterseg/exported/2"

    name: str
    label_space: LabelSpace
    mean: tuple[Mean, Mean, Mean]
    std: tuple[Deviation, Deviation, Deviation]
    reading: Reading = DEFAULT_READING
    output: OutputForm = "labels"
    precision: Precision = "float32"
    computes_in: Precision | None = None
    quantisation: Quantisation | None = None
    height: int | None = Field(None, ge=1, le=LONGEST_SIDE)
    width: int | None = Field(None, ge=1, le=LONGEST_SIDE)
    working_size: WorkingSize = None
    resizes: bool = False
    tail: dict[Suffix, Digest] = Field(default_factory=dict)
    bundle_digest: str = ""
    weights_digest: str = ""
    trained_on: TrainedOn | None = None
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
        resizes_to: Size | None = None,
        computes_in: Precision | None = None,
        quantisation: Quantisation | None = None,
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
            computes_in=computes_in,
            quantisation=quantisation,
            height=None if size is None else size.height,
            width=None if size is None else size.width,
            working_size=resizes_to or (card.size and (size or card.size)),
            resizes=resizes_to is not None,
            tail=dict(digests()) if output == "low-resolution-logits" else {},
            bundle_digest=bundle_digest,
            weights_digest=weights_digest,
            trained_on=card.training.trained_on,
            terms=card.training.terms,
        )

    def content(self) -> dict[str, Any]:
        """The card as a JSON value; defaults that older files do not have are left out."""
        content = without_default_reading(super().content(), self.reading)
        if self.working_size is None:
            for name in ("working_size", "resizes"):
                content.pop(name, None)
        if not self.tail:
            content.pop("tail", None)
        for name in ("computes_in", "quantisation", "trained_on"):
            if content[name] is None:
                del content[name]
        return content

    @model_validator(mode="after")
    def _says_how_it_came_to_int8(self) -> Self:
        if (self.precision == "int8") != (self.quantisation is not None):
            raise ValueError("what is in int8 says how that was made, and nothing else does")
        return self

    @model_validator(mode="after")
    def _says_what_it_resizes_to(self) -> Self:
        sized = self.working_size is not None and self.size is None
        if self.resizes and not (sized and self.output == "labels"):
            raise ValueError("a graph that resizes images takes any, says to what, gives labels")
        if self.tail and self.output != "low-resolution-logits":
            raise ValueError("a tail lies beside low-resolution logits alone")
        if None not in (self.size, self.working_size) and self.size != self.working_size:
            raise ValueError("images are brought to another size than the graph takes")
        return self

    @property
    def is_sealed(self) -> bool:
        """Whether its file carries its own digest: all but those of earlier versions do."""
        return True

    @property
    def size(self) -> Size | None:
        """The images' size; None where any will do."""
        if self.height is None or self.width is None:
            return None
        return Size(self.height, self.width)

    @property
    def resizes_to(self) -> Size | None:
        """What the graph brings images of any size to; None where it takes them as they are."""
        return self.working_size if self.resizes else None

    @property
    def normalisation(self) -> Normalisation:
        """What the graph normalises images with."""
        return Normalisation(self.mean, self.std)

    def to_text(self, *, seal: str = "") -> str:
        """The card as the text that files carry, with a seal in it where it is the file itself."""
        document = {"schema": self.schema_tag, "content": self.content()}
        return json.dumps({**document, "seal": seal} if seal else document, sort_keys=True)

    @staticmethod
    def from_text(text: str | None, *, where: str, has_seal: bool) -> ExportedCard:
        """The card in a file's metadata; `FileError` where there is none, or an odd one.

        `has_seal` says whether the file was found to be what was sealed, which the card of a
        file must agree with: a sealed one cannot pass for one of the time before.
        """
        try:
            document = load_json(text or "null")
            kind = _kind_of(document)
            if kind is None:
                raise _foreign(where, f"its metadata holds no {ExportedCard.schema_tag}")
            card = kind.model_validate(document["content"])
            require_computable(card.model_dump())
        except ValidationError as error:
            raise _foreign(where, first_fault(error)) from error
        except NotStrict as error:
            raise _foreign(where, str(error)) from error
        if card.is_sealed != has_seal:
            lost = "its seal is gone" if card.is_sealed else "it has a seal that its card knows not"
            raise FileError(CHANGED, where=where, why=lost, next_step=COPY_AGAIN)
        return card


class UnsealedCard(ExportedCard):
    """The card of a file that an earlier version wrote: damage of such a file shows nowhere."""

    schema_tag: ClassVar[str] = "fasterseg/exported/1"

    @property
    def is_sealed(self) -> bool:
        """No."""
        return False


def _kind_of(document: Any) -> type[ExportedCard] | None:
    if not isinstance(document, dict) or document.keys() - {"seal"} != {"schema", "content"}:
        return None
    kinds = {kind.schema_tag: kind for kind in (ExportedCard, UnsealedCard)}
    return next((kind for tag, kind in kinds.items() if tag == document["schema"]), None)


def _foreign(where: str, why: str) -> FileError:
    return FileError(
        "this file was not exported by this version of fasterseg",
        where=where,
        why=why,
        next_step="fasterseg export MODEL --out FILE",
    )


def whole_job(network: nn.Module, card: ExportedCard, *, by_products: bool = False) -> WholeJob:
    """The job from image to the card's output, read, resized, normalised, computed as it says.

    Images are resized `by_products` of matrices where a runtime has no better way.
    """
    assert card.precision != "bfloat16"
    job = WholeJob(
        network,
        card.mean,
        card.std,
        output=card.output,
        precision="float16" if card.precision == "float16" else "float32",
        grey=card.reading.is_grey,
        resampling=Resampling(card.working_size, by_products=by_products)
        if card.resizes and card.working_size is not None
        else None,
    )
    job.eval()
    return job
