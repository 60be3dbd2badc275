"""Hosts of targets in recipes."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from fasterseg.config.hosts import PATTERN, known_host

HostName = Annotated[
    str, AfterValidator(known_host), WithJsonSchema({"type": "string", "pattern": PATTERN})
]
"""``here``, ``kit``, or ``ssh://user@host:port``."""
