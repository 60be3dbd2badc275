"""Numbers of a file, as pydantic holds them to their bounds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Mean = Annotated[float, Field(ge=-1e6, le=1e6)]
Deviation = Annotated[float, Field(ge=1e-6, le=1e6)]
"""Of a normalisation: what float32 computes with."""

Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""A whole number that 64 bits hold."""
