"""A headless Chromium as a device: a kit's page served, started, waited for, its answer fetched."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from browsing import Page, browsing, serving

_DONE = "!document.querySelector('#download').hidden"
_REFUSED = "!document.querySelector('#refused').hidden"
_READY = "!document.querySelector('#start').disabled"


def measure_in_browser(kit: Path, profile: Path | None = None) -> Path:
    """Measure a kit in a browser from a local file server; return its `measured.json`.

    A browser's `profile` of before resumes what was begun in it.  RuntimeError where the page
    refuses.
    """
    with (
        TemporaryDirectory(prefix="browser-") as folder,
        browsing(profile or Path(folder)) as browser,
        serving(kit) as home,
    ):
        page = Page(browser)
        page.open(home)
        page.until(f"({_READY}) || ({_DONE}) || ({_REFUSED})")
        page.value("document.querySelector('#start').click()")
        page.until(f"({_DONE}) || ({_REFUSED})")
        if page.value(_REFUSED):
            raise RuntimeError(page.value("document.querySelector('#reasons').textContent"))
        answer = kit / "measured.json"
        answer.write_text(
            page.value(
                "fetch(document.querySelector('#download').href).then((found) => found.text())"
            )
        )
    return answer
