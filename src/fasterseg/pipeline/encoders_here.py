"""Which learned weights of encoders are installed on this machine."""

from __future__ import annotations

from fasterseg.baselines.catalogue import PREFIX
from fasterseg.baselines.pretrained import INSTALL, WEIGHTS
from fasterseg.machine import Fact, version_of


class Encoder(Fact):
    """Learned weights of a baseline's encoder: their package, and its version where it is there."""

    baseline: str
    package: str
    version: str | None
    install: str = INSTALL

    def describe(self) -> str:
        """The package, and what it is for, or how it is had."""
        if self.version is None:
            return f"{self.package} absent: {self.install}"
        return f"{self.package} {self.version}, for {self.baseline}"


def encoders_here() -> tuple[Encoder, ...]:
    """Those of every baseline that may begin with some."""
    return tuple(
        Encoder(baseline=PREFIX + name, package=one.package, version=version_of(one.package))
        for name, one in WEIGHTS.items()
    )
