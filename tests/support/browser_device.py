"""A headless Chromium as a device: a kit's page served, started, waited for, its answer fetched."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from browsing import Page, browsing, serving

from fasterseg.kit.measured import MEASURED_FILE

_DONE = "!document.querySelector('#download').hidden"
_REFUSED = "!document.querySelector('#refused').hidden"
_READY = "!document.querySelector('#start').disabled"


def measure_in_browser(kit: Path) -> Path:
    """Measure a kit's folder in a browser from a local file server; return its `measured.json`.

    RuntimeError, with what the page says, where it refuses.
    """
    with (
        TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile,
        browsing(Path(profile)) as browser,
        serving(kit) as home,
    ):
        page = Page(browser)
        page.open(home)
        page.until(f"({_READY}) || ({_DONE}) || ({_REFUSED})")
        page.value("document.querySelector('#start').click()")
        page.until(f"({_DONE}) || ({_REFUSED})")
        if page.value(_REFUSED):
            raise RuntimeError(page.value("document.querySelector('#reasons').textContent"))
        answer = kit / MEASURED_FILE
        fetched = "fetch(document.querySelector('#download').href).then((found) => found.text())"
        answer.write_text(page.value(fetched))
    return answer
