"""The page of a kit: `index.html`, its scripts, and the runtime that it computes with."""

from __future__ import annotations

from pathlib import Path

from fasterseg.deploy.runtimes.web_runtime import web_runtime
from fasterseg.deploy.shipping.web_page import LICENCES, SHARED, licences_of_runtime, own_files

OWN = Path(__file__).parent / "runners" / "page"


def page_files() -> dict[str, bytes]:
    """All files of a kit's page, by name: they lie beside the manifest.

    Raises as `web_runtime` does.
    """
    return {
        **own_files([SHARED, OWN]),
        **web_runtime().scripts(),
        LICENCES: licences_of_runtime().encode(),
    }
