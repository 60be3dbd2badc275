"""What is given as a data set and is none: archives, annotations in JSON, lists, pictures.

Each is told by what it is, with what to do about it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Set as AbstractSet
from itertools import chain, islice
from pathlib import Path
from shlex import quote

from fasterseg.datasets.data_files.containers import CONTAINERS, container_of
from fasterseg.datasets.data_files.remedies import lines, palette_line, written
from fasterseg.datasets.decoding import IMAGE_SUFFIXES
from fasterseg.datasets.masks.colour_tables import entries_in as classes_in
from fasterseg.datasets.pictures.listing import entries_in, is_file, is_folder
from fasterseg.errors import DataError, FastersegError
from fasterseg.foreign.failed_downloads import is_lfs_pointer, is_web_page
from fasterseg.foreign.links import leads_outside
from fasterseg.foreign.opened_files import opened

_LOOKED_AT = 1 << 20
_ZIP = "a zip archive"
_ARCHIVES = {
    b"PK\x03\x04": _ZIP,
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
}
_BY_PYTHON = dict.fromkeys(
    ("a gzip archive", "a bzip2 archive", "an xz archive", "a tar archive"), "tarfile"
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"BM", b"II*\x00", b"MM\x00*", b"GIF8", b"RIFF")
_OUTLINES = frozenset({".json", ".ndjson", ".xml", *CONTAINERS})
_TELLING = _OUTLINES | {".zip", ".txt", ".csv", ".tar", ".gz", ".tgz"}
_MOST_FILES, _MOST_FOLDERS, _MOST_ENTRIES = 20, 8, 64
_MODELS = frozenset({".pt", ".pth", ".pt2", ".onnx", ".safetensors", ".engine"})
_MASKS_WANTED = "masks are pictures here, one to an image, whose pixels are class ids"
_COLOUR_LINE = re.compile(r"([^:#]+):(\d{1,3}),(\d{1,3}),(\d{1,3}):")

# What a tool's own file has in it, and which of the tool's exports are read.
_OTHER_TOOLS = (
    (
        "Label Studio's JSON",
        ('"annotations"', '"result"', '"data"'),
        "export polygons from Label Studio as COCO, with the images, and name that folder or zip; "
        "of brushes export PNG, and call each mask as its image",
    ),
    (
        "Labelbox's export",
        ('"data_row"', '"projects"'),
        "turn it into COCO, or into masks as PNG that are called as their images, and name the "
        "folder of these and the images",
    ),
    (
        "Supervisely's list of classes",
        ('"classes"', '"title"', '"shape"'),
        "export the project from Supervisely as COCO or as Pascal VOC, with its images, and name "
        "that folder or zip",
    ),
    (
        "the outlines of VGG's annotator (VIA)",
        ('"regions"', '"shape_attributes"'),
        "open it in VIA, choose Annotation and 'Export Annotations (COCO format)', and put that "
        "file beside the images",
    ),
)

# A sentence's end, "this is ..."; why it is not read; what to do.
Found = tuple[str, str, str]


def refuse_other_files(path: Path) -> None:
    """Raise DataError where a file is known to be something else than a ``data.yaml``."""
    if found := _found(path):
        what, why, next_step = found
        raise DataError(
            f"this is {what}, not a data set", where=str(path), why=why, next_step=next_step
        )


def what_lies_in(folder: Path) -> tuple[str, str, str] | None:
    """Return a labelling tool's file in a folder, what it is, and what to do with it.

    In the folders right inside only what may hold outlines or masks is looked for.
    """
    inside = (one for one in entries_in(folder)[:_MOST_ENTRIES] if not one.is_symlink())
    deeper = (one for one in inside if is_folder(one))
    files = chain(
        _first_files(folder, _TELLING),
        *(_first_files(one, _OUTLINES) for one in islice(deeper, _MOST_FOLDERS)),
    )
    for path in files:
        if not leads_outside(path, folder) and (found := _found(path)):
            return path.relative_to(folder).as_posix(), found[0], found[2]
    return None


def _first_files(folder: Path, suffixes: AbstractSet[str]) -> list[Path]:
    return [path for path in entries_in(folder, suffixes)[:_MOST_FILES] if is_file(path)]


def _found(path: Path) -> Found | None:
    try:
        with opened(path) as stream:
            head = stream.read(_LOOKED_AT)
    except (OSError, FastersegError):
        return None  # told where the file is read
    return _download(path, head) or _binary(path, head) or _wide(path, head) or _text(path, head)


def _download(path: Path, head: bytes) -> Found | None:
    """What a download that failed leaves under the name of what was wanted."""
    if is_web_page(head):
        return (
            "a web page",
            "pages that ask to sign in, or that say what is wrong, are saved in place of a file",
            "download the file again, and look at what a browser shows under its address",
        )
    if is_lfs_pointer(head):
        return (
            "a pointer of Git LFS",
            "the repository was downloaded without its large files",
            "fetch them in the repository: git lfs pull",
        )
    if path.suffix.lower() != ".zip" or head.startswith(tuple(_ARCHIVES)) or _is_tar(head):
        return None
    return (
        "no zip" if head else "an empty file",
        "it is called a zip, and does not begin as one" if head else "nothing was written into it",
        "download or copy it again, or zip the folder anew",
    )


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _binary(path: Path, head: bytes) -> Found | None:
    if path.suffix.lower() in _MODELS:
        return "a model", "", "give a folder of images and masks, or its data.yaml"
    if container := container_of(path):
        return container[0], "images and masks are read from pictures, one to a file", container[1]
    kind = next((kind for magic, kind in _ARCHIVES.items() if head.startswith(magic)), "")
    kind = kind or ("a tar archive" if _is_tar(head) else "")
    if kind == _ZIP:
        return kind, "", f"name the zip itself: fasterseg check-data {path}"
    if kind:
        return kind, "images and masks are read from folders and zips", _unpacking(path, kind)
    if path.suffix.lower() in IMAGE_SUFFIXES or head.startswith(_PICTURES):
        return (
            "a picture",
            "",
            "give the folder of images and masks, or its data.yaml; fasterseg predict segments it",
        )
    if b"\0" in head and not head.startswith(_UTF_16):
        return "no text", "", "give a folder of images and masks, or its data.yaml"
    return None


def _wide(path: Path, head: bytes) -> Found | None:
    """Annotations of which no byte is read as it is meant: nobody would find them."""
    if not head.startswith(_UTF_16) or path.suffix.lower() not in _OUTLINES:
        return None
    inner = "import sys; p = sys.argv[1]; t = open(p, encoding='utf-16').read(); "
    return (
        "a text in UTF-16",
        "such files are read as UTF-8; Windows PowerShell writes UTF-16 where > sends a text",
        f"save it as UTF-8: python -c \"{inner}open(p, 'w', encoding='utf-8').write(t)\" "
        f"{quote(str(path))}",
    )


def _unpacking(path: Path, kind: str) -> str:
    into = path.with_name(path.name.partition(".")[0] + "-data")
    how = f"python -m {_BY_PYTHON[kind]} -e {path} {into}" if kind in _BY_PYTHON else ""
    return (
        f"unpack it{f': {how}' if how else ''}, then write a data.yaml into it with "
        f"train, val, masks_dir and names: fasterseg check-data {into}"
    )


def _text(path: Path, head: bytes) -> Found | None:
    text = head.decode("utf-8-sig", "replace")
    start = text.lstrip()[:1]
    if start in ("{", "[") and path.suffix.lower() not in (".yaml", ".yml"):
        return _annotations(text)
    if start == "<" and "<annotations>" in text:
        return (
            "CVAT's own XML",
            "a data set is the folder in which it and its images lie",
            "name that folder: fasterseg check-data FOLDER; if it is not recognised, export the "
            "task from CVAT as 'CVAT for images 1.1', 'Segmentation mask 1.1' or 'COCO 1.0', with "
            "its images",
        )
    if start == "<" and "<bndbox>" in text:
        return (
            "Pascal VOC's boxes",
            "where outlines or masks are wanted",
            "draw outlines or masks in the tool in place of these boxes, and export masks as "
            "pictures, with the images",
        )
    if start == "<":
        return "XML", _MASKS_WANTED, "export masks as pictures from the tool that wrote it"
    told = [_COLOUR_LINE.match(line) for line in text.splitlines() if not line.startswith("#")]
    if told and all(told):
        return _labelmap([match for match in told if match])
    suffix = path.suffix.lower()
    if suffix in (".txt", ".csv", ".tsv") and (found := _colours(text, suffix)):
        return found
    if path.suffix.lower() == ".csv":
        return _classes(text)
    if path.suffix.lower() in (".txt", ".lst"):
        return (
            "a list",
            "a list names the images of a split; what the masks mean stands in a data.yaml",
            "write a data.yaml beside it, with"
            + lines(f"train: {path.name}", "names: [road, car]"),
        )
    return None


def _annotations(text: str) -> Found | None:
    if '"train"' in text and '"names"' in text:
        return None  # a data file: what is JSON is YAML too
    if found := _colours(text, ".json"):
        return found
    for kind, marks, step in _OTHER_TOOLS:
        if all(mark in text for mark in marks):
            return kind, f"such files are not read: {_MASKS_WANTED}", step
    read = {'"annotations"': "COCO's annotations", '"shapes"': "LabelMe's polygons"}
    if kind := next((kind for mark, kind in read.items() if mark in text), ""):
        return (
            kind,
            "a data set is the folder in which such files and their images lie",
            "name that folder: fasterseg check-data FOLDER; if it is not recognised, export it "
            "from the tool again, with its images",
        )
    kinds = {
        '"features"': "GeoJSON",
        '"objects"': "polygons of objects",
    }
    kind = next((kind for mark, kind in kinds.items() if mark in text), "JSON")
    return (
        kind,
        f"such polygons are not read: {_MASKS_WANTED}",
        "export masks as pictures from the tool that wrote it, beside the images, and write a "
        "data.yaml with train, val, masks_dir and names",
    )


def _labelmap(told: list[re.Match[str]]) -> Found:
    """CVAT's ``labelmap.txt``: a name and a colour to a line."""
    colours = {one[1].strip(): ((int(one[2]), int(one[3]), int(one[4])),) for one in told}
    never = colours.pop("background", None)
    palette = colours | ({"ignore": never} if never else {})
    return (
        "CVAT's list of colours",
        "it says what the colours of masks mean; where they lie stands in a data.yaml",
        "write a data.yaml beside it, with train, val, masks_dir and"
        + lines(written("names", list(colours)), palette_line(palette)),
    )


def _colours(text: str, suffix: str) -> Found | None:
    entries = classes_in(text, suffix)
    palette = {one.name: (one.colour,) for one in entries}
    return (
        (
            "a table of colours",
            "it says what the colours of masks mean; where they lie stands in a data.yaml",
            "write a data.yaml beside it, with train, val, masks_dir and"
            + lines(written("names", list(palette)), palette_line(palette)),
        )
        if entries
        else None
    )


def _classes(text: str) -> Found:
    """A table of Roboflow's of ids and names; any other has no names."""
    if "encodedpixels" in text.partition("\n")[0].casefold():
        return (
            "a table of run lengths, as Kaggle has them",
            _MASKS_WANTED,
            "draw them into PNG masks called as their images, in a folder beside these",
        )
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if row]
    except csv.Error:  # a cell without end
        rows = []
    named = {row[0]: row[1] for row in rows if len(row) == 2 and row[0].isdigit()}
    wanted = [str(index) for index in range(len(named))]
    line = [written("names", [named[i] for i in wanted])] if list(named) == wanted else []
    return (
        "a table",
        "what masks mean stands in a data.yaml",
        f"write a data.yaml, with train, val, masks_dir and {'names:' if not line else ''}"
        + (lines(*line) if line else ""),
    )
