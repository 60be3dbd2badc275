"""What a kit says of itself: what to type on the device, and what to bring back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fasterseg.config import runtime_named
from fasterseg.kit.measured import MEASURED_FILE
from fasterseg.latency.table import Target, describe

_TEXT = """\
A kit of fasterseg: {name}

It measures how long {what} on this device.  Nothing of fasterseg is needed here,
nothing is downloaded, and nothing outside of this folder is written.

Target: {target}

{how}

Stop it whenever you like: the same again resumes, and what is finished is not measured again.
Leave the device alone while it measures, at the power and the cooling that it will have in use.

Then bring {measured} back to the machine that packed the kit, and type there:

    fasterseg kit read {measured}{more}

manifest.json lists every file with its SHA-256.
"""
_BY_PYTHON = """\
Needed: Python 3.8 or later, NumPy and {library}.  In this folder, type

    python3 run.py

It writes {measured}."""
_BY_BROWSER = """\
Needed: a browser on the device, and any file server that gives it this folder:

    python3 -m http.server 8000

Open http://ADDRESS-OF-THE-SERVER:8000/index.html there.  By plain http a page has one thread; more
where it comes from localhost or by https.  When it is done, the page offers {measured}."""


def instructions(content: Mapping[str, Any]) -> str:
    """The README.txt of a kit, from what its manifest will say."""
    target: Target = content["target"]
    library = runtime_named(target.backend).in_kits
    form = _BY_BROWSER if library == "onnxruntime-web" else _BY_PYTHON
    is_space = content["purpose"] == "space"
    return _TEXT.format(
        name=content["name"],
        what="the blocks of a search space take" if is_space else "finished networks take",
        target=describe(target),
        how=form.format(library=library, measured=MEASURED_FILE),
        measured=MEASURED_FILE,
        more=" --run THE-RUN" if is_space else "",
    )
