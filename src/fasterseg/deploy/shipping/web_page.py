"""A network as a page: a folder that any file server offers, and that needs nothing from elsewhere.

The graph is the exported ONNX file, unchanged, and the page checks its digest.  Everything else is
scripts without a build step (`web/` here and in `deploy.runtimes`), ONNX Runtime Web, and what the
page is told of the network, in two scripts of data.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar

from PIL import Image
from pydantic import Field

from fasterseg.artifacts import Artifact, digest_of_bytes, digest_of_file, short_digest
from fasterseg.datasets.sample import Pixels
from fasterseg.deploy.exporting.exported_card import ExportedCard
from fasterseg.deploy.runtimes import web_runtime as runtimes
from fasterseg.deploy.runtimes.web_runtime import WebRuntime
from fasterseg.durable import durable_write
from fasterseg.errors import EnvironmentFault, FileError
from fasterseg.foreign.links import require_within
from fasterseg.foreign.opened_files import bytes_of
from fasterseg.version import __version__

NETWORK, INDEX, PAGE, LICENCES = "network.onnx", "index.html", "page.json", "licences.txt"
SHARED, OWN = Path(runtimes.__file__).parent / "web", Path(__file__).parent / "web"
"""Where the page's own files lie: those that a kit's page has too, and those of this one."""

USUAL_THREADS = 4
"""So many a page computes on, where it may and nothing is promised of another number."""

_RULE = "=" * 78
_AGAIN = "export it again: fasterseg export MODEL --format web --out FOLDER"


@dataclass(frozen=True, slots=True)
class Promised:
    """What was promised of a network's latency, and where.

    `ms` is None where nothing was; `text` says of which target.  On `threads` it holds in a
    browser; None where it is not for one.
    """

    ms: float | None = None
    text: str = ""
    threads: int | None = None


class WebPage(Artifact):
    """What a page's folder holds: the network's digest, and that of each other file by name."""

    schema_tag: ClassVar[str] = "fasterseg/web-page/1"

    name: str
    network: str
    runtime: str
    files: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+$")], str]


def write_page(
    folder: Path,
    card: ExportedCard,
    promised: Promised,
    *,
    samples: Mapping[str, Pixels],
    runtime: WebRuntime,
) -> WebPage:
    """Write a page around the `NETWORK` file that lies in a folder; say what it came to.

    `samples` are pictures by the names that the page shows.
    """
    files = {
        **own_files([SHARED, OWN]),
        **runtime.scripts(),
        "about.js": _script("about", _about(card, promised, folder / NETWORK)),
        "samples.js": _script("samples", _pictures(samples)),
        LICENCES: licences(card).encode(),
    }
    for name, data in files.items():
        durable_write(folder / name, data)
    page = WebPage(
        name=card.name,
        network=digest_of_file(folder / NETWORK),
        runtime=f"{runtimes.PACKAGE} {runtimes.VERSION}",
        files={name: digest_of_bytes(data) for name, data in sorted(files.items())},
    )
    page.save(folder / PAGE)
    return page


def own_files(folders: Sequence[Path]) -> dict[str, bytes]:
    """The scripts, styles and pages in these folders of the package, by name."""
    found = sorted(file for folder in folders for file in folder.iterdir() if file.is_file())
    return {file.name: file.read_bytes() for file in found}


def is_page(folder: Path) -> bool:
    """Whether a folder is a page that was written."""
    return (folder / PAGE).is_file()


def network_of_page(folder: Path) -> Path:
    """The network's file of a page; `FileError` where anything in its folder was changed."""
    page = WebPage.load(folder / PAGE)
    wanted = {**page.files, NETWORK: page.network}
    require_within(folder, wanted, what="page's folder")
    for name, digest in wanted.items():
        if not (folder / name).is_file() or digest_of_file(folder / name) != digest:
            raise FileError(
                "the page was changed after it was written",
                where=str(folder / name),
                why=f"it is gone, or does not have the digest that {PAGE} says",
                next_step=_AGAIN,
            )
    return folder / NETWORK


def _script(name: str, value: Any) -> bytes:
    """A script that tells the page a value: a page that lies on a disk may read nothing else."""
    text = json.dumps(value, allow_nan=False).replace("<", "\\u003c")
    return f"globalThis.fasterseg = {{ ...globalThis.fasterseg, {name}: {text} }};\n".encode()


def _about(card: ExportedCard, promised: Promised, network: Path) -> dict[str, Any]:
    assert card.size is not None
    height, width = card.size
    digest = digest_of_file(network)
    return {
        "name": card.name,
        "digest": digest,
        "size": {"height": height, "width": width},
        "names": card.label_space.names,
        "colours": card.label_space.colours,
        "threads": promised.threads or USUAL_THREADS,
        "promisedMs": promised.ms,
        "promisedHere": promised.threads is not None,
        "promise": promised.text,
        "facts": {
            "Network": f"{card.name}: {NETWORK}, {short_digest(digest)}",
            "Pictures": f"brought to {height} × {width} pixels, and labels back to their size",
            "Terms of the weights": card.terms or "not known",
            "Made with": f"fasterseg {__version__}",
        },
    }


def _pictures(samples: Mapping[str, Pixels]) -> list[dict[str, str]]:
    return [
        {"name": name, "jpeg": base64.b64encode(_jpeg(image)).decode()}
        for name, image in samples.items()
    ]


def _jpeg(image: Pixels) -> bytes:
    written = io.BytesIO()
    Image.fromarray(image).save(written, format="JPEG", quality=90)
    return written.getvalue()


def licences(card: ExportedCard) -> str:
    """What holds for the page, the runtime in it and the weights.

    Raises `EnvironmentFault` where ONNX Runtime, which brings its licence, is missing.
    """
    weights = f"Weights of {card.name}\n\n{card.terms or 'Their terms are not known.'}"
    return f"{weights}\n\n{_RULE}\n\n{licences_of_runtime()}"


def licences_of_runtime() -> str:
    """What holds for a page without a network in it, and for the runtime; raises as `licences`."""
    parts = [
        f"The page and its scripts: fasterseg {__version__}\n\nLicensed under the Apache License, "
        "Version 2.0: http://www.apache.org/licenses/LICENSE-2.0",
        f"ONNX Runtime Web {runtimes.VERSION} ({', '.join(runtimes.PAGE_SCRIPTS)})\n\n"
        + _of_the_runtime("LICENSE"),
        "What ONNX Runtime itself is made of\n\n" + _of_the_runtime("ThirdPartyNotices.txt"),
    ]
    return f"\n\n{_RULE}\n\n".join(part.strip() for part in parts) + "\n"


def _of_the_runtime(name: str) -> str:
    """A file of the installed ONNX Runtime, which is the same project as the one for browsers."""
    spec = find_spec("onnxruntime")
    path = Path(spec.origin).parent / name if spec is not None and spec.origin else Path(name)
    try:
        return bytes_of(path).decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise EnvironmentFault(
            "a page holds the licence of ONNX Runtime, and it is not here",
            where=str(path),
            why=error.strerror or str(error),
            next_step="pip install 'fasterseg[onnx]'",
        ) from error
