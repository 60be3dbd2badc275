"""What can be wrong with the files of a data set, and how it is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fasterseg.errors import DataError
from fasterseg.terminal_text import as_shown

SHOWN_EXAMPLES = 5
# Continues a part of a message under its own first line.
_INDENT = "\n         "


ALLOWING = (
    "allow files outside: fasterseg check-data PATH --outside (outside=True in Python), and --set "
    "data.outside=true to every command that works on the data"
)
"""How to let a data set's files lie elsewhere, as messages say it."""


class FaultKind(StrEnum):
    """A kind of fault; its value is what reports call several of it."""

    UNPAIRED_IMAGE = "images without a mask"
    UNPAIRED_MASK = "masks without an image"
    CASE_MISMATCH = "pairs whose names differ in upper and lower case only"
    DUPLICATE_NAME = "files that claim the same sample name"
    BAD_NAME = "file names that are not valid text"
    OUTSIDE = "paths that lead out of the data folder"
    LINKED_FOLDER = "links to folders, which are not followed"
    CLOSED_FOLDER = "folders that cannot be listed"
    NO_FILE = "names of pictures that are no ordinary files"
    UNSUPPORTED = "files of a type that is not read"
    UNREADABLE_IMAGE = "images that cannot be read"
    TRUNCATED_IMAGE = "images that are cut short"
    UNREADABLE_MASK = "masks that cannot be read"
    TRUNCATED_MASK = "masks that are cut short"
    LARGE_IMAGE = "images of more pixels than are read"
    LARGE_MASK = "masks of more pixels than are read"
    LOSSY_MASK = "masks in a lossy format"
    COLOUR_MASK = "colour masks without a palette"
    UNKNOWN_LABEL = "masks with label ids that are no class"
    SIZE_MISMATCH = "masks that do not have their image's size"
    SHARED_IMAGE = "images that are in more than one split"
    SHARED_GROUP = "recordings that are in more than one split"
    AMBIGUOUS_MASKS = "masks that hold only 0 and 255"
    SEVERAL_COLOURS = "ids that have several colours in the palettes of masks"
    MIXED_BINARY = "masks in which 255 and 1 both stand for the object"
    UNLABELLED_SPLIT = "splits without one labelled pixel"
    EMPTY_SPLIT = "splits without one sample"
    MISSING_FOLDER = "folders that are missing"
    BAD_LIST = "lines of list files that name no image"
    UNDIVIDED = "images that the file of splits does not name"
    NOTHING_DIVIDED = "names in the file of splits that are no image's"
    DIVIDED_TWICE = "images that the file of splits names more than once"
    BAD_LABELS = "label files that cannot be read"
    BAD_SHAPE = "shapes that cannot be drawn"
    BOX = "boxes where outlines are wanted"
    UNLISTED_CLASS = "shapes of a class that is not listed"
    LOST_IMAGE = "images that labels name and that are not there"
    LABELLED_TOO = "images without labels that are in a split too"
    NONE_UNLABELLED = "places of images without labels that hold none"
    BAD_LINE = "lines of lists of images without labels that name no image"

    def format_count(self, number: int) -> str:
        """Return how many faults of this kind there are, in words."""
        return f"1 {_ONE[self]}" if number == 1 else f"{number} {self}"

    def single(self) -> str:
        """Return what one such fault is, with its article."""
        one = _ONE[self]
        return f"an {one}" if one.startswith("i") else f"a {one}"


_ONE: dict[FaultKind, str] = {
    FaultKind.UNPAIRED_IMAGE: "image without a mask",
    FaultKind.UNPAIRED_MASK: "mask without an image",
    FaultKind.CASE_MISMATCH: "pair whose names differ in upper and lower case only",
    FaultKind.DUPLICATE_NAME: "file that claims another's sample name",
    FaultKind.BAD_NAME: "file name that is not valid text",
    FaultKind.OUTSIDE: "path that leads out of the data folder",
    FaultKind.LINKED_FOLDER: "link to a folder, which is not followed",
    FaultKind.CLOSED_FOLDER: "folder that cannot be listed",
    FaultKind.NO_FILE: "name of a picture that is no ordinary file",
    FaultKind.UNSUPPORTED: "file of a type that is not read",
    FaultKind.UNREADABLE_IMAGE: "image that cannot be read",
    FaultKind.TRUNCATED_IMAGE: "image that is cut short",
    FaultKind.UNREADABLE_MASK: "mask that cannot be read",
    FaultKind.TRUNCATED_MASK: "mask that is cut short",
    FaultKind.LARGE_IMAGE: "image of more pixels than are read",
    FaultKind.LARGE_MASK: "mask of more pixels than are read",
    FaultKind.LOSSY_MASK: "mask in a lossy format",
    FaultKind.COLOUR_MASK: "colour mask without a palette",
    FaultKind.UNKNOWN_LABEL: "mask with label ids that are no class",
    FaultKind.SIZE_MISMATCH: "mask that does not have its image's size",
    FaultKind.SHARED_IMAGE: "image that is in more than one split",
    FaultKind.SHARED_GROUP: "recording that is in more than one split",
    FaultKind.AMBIGUOUS_MASKS: "mask that holds only 0 and 255",
    FaultKind.SEVERAL_COLOURS: "id that has several colours in the palettes of masks",
    FaultKind.MIXED_BINARY: "mask in which 255 and 1 both stand for the object",
    FaultKind.UNLABELLED_SPLIT: "split without one labelled pixel",
    FaultKind.EMPTY_SPLIT: "split without one sample",
    FaultKind.MISSING_FOLDER: "folder that is missing",
    FaultKind.BAD_LIST: "line of a list file that names no image",
    FaultKind.UNDIVIDED: "image that the file of splits does not name",
    FaultKind.NOTHING_DIVIDED: "name in the file of splits that is no image's",
    FaultKind.DIVIDED_TWICE: "image that the file of splits names more than once",
    FaultKind.BAD_LABELS: "label file that cannot be read",
    FaultKind.BAD_SHAPE: "shape that cannot be drawn",
    FaultKind.BOX: "box where an outline is wanted",
    FaultKind.UNLISTED_CLASS: "shape of a class that is not listed",
    FaultKind.LOST_IMAGE: "image that labels name and that is not there",
    FaultKind.LABELLED_TOO: "image without labels that is in a split too",
    FaultKind.NONE_UNLABELLED: "place of images without labels that holds none",
    FaultKind.BAD_LINE: "line of a list of images without labels that names no image",
}


NEXT_STEPS: dict[FaultKind, str] = {
    FaultKind.UNPAIRED_IMAGE: "add the masks, or move these images out of the folder",
    FaultKind.SHARED_GROUP: "move all images of a recording into one split, or correct 'groups'",
    FaultKind.UNPAIRED_MASK: "add the images, or move these masks out of the folder",
    FaultKind.CASE_MISMATCH: "rename one of each pair so that both are spelled the same",
    FaultKind.DUPLICATE_NAME: "keep one file of each, or rename the others with their masks",
    FaultKind.BAD_NAME: "rename the files",
    FaultKind.OUTSIDE: f"copy the files into the data folder, or {ALLOWING}",
    FaultKind.LINKED_FOLDER: f"replace the link by the folder itself, or {ALLOWING}",
    FaultKind.CLOSED_FOLDER: "make them readable, or move them out of the data folder",
    FaultKind.NO_FILE: "remove them, or put the pictures themselves in their place",
    FaultKind.UNSUPPORTED: "convert them: images to JPEG or PNG, masks to PNG",
    FaultKind.UNREADABLE_IMAGE: "restore the files from their source, or remove them",
    FaultKind.TRUNCATED_IMAGE: "restore the files from their source, or remove them",
    FaultKind.UNREADABLE_MASK: "restore the files from their source, or remove them",
    FaultKind.TRUNCATED_MASK: "restore the files from their source, or remove them",
    FaultKind.LARGE_IMAGE: "make them smaller, or write most_pixels into data.yaml",
    FaultKind.LARGE_MASK: "make them smaller, or write most_pixels into data.yaml",
    FaultKind.LOSSY_MASK: "export the masks as PNG; JPEG changes ids at every edge. Where they are "
    "all there is, write smoothed: true into data.yaml, beside palette, or beside what they held, "
    "as in label_mapping: {0: 0, 255: 1}",
    FaultKind.COLOUR_MASK: "declare the colours in data.yaml, one or several to a class:  "
    "palette: {road: [128, 64, 128], car: [[0, 0, 142], [0, 0, 70]], ignore: [0, 0, 0]}",
    FaultKind.SEVERAL_COLOURS: "say in data.yaml what counts: colours, as a 'palette:', or ids, as "
    "a 'label_mapping:' that leads to every class",
    FaultKind.SIZE_MISMATCH: "export these masks at their image's size; masks are never resized",
    FaultKind.SHARED_IMAGE: "keep each image in one split",
    FaultKind.UNLABELLED_SPLIT: "check what data.yaml says never counts: 'ignore:', "
    "'background:', 'label_mapping:', 'palette:'",
    FaultKind.EMPTY_SPLIT: "check the split's folder",
    FaultKind.MISSING_FOLDER: "check the paths in data.yaml, take out a split that is not there, "
    "or name another layout: check-data --layout, data.layout in a recipe",
    FaultKind.UNDIVIDED: "add a line for each",
    FaultKind.NOTHING_DIVIDED: "take these lines out",
    FaultKind.DIVIDED_TWICE: "keep one line of each",
    FaultKind.BAD_LABELS: "export the labels anew from the tool that wrote them",
    FaultKind.BAD_SHAPE: "correct or delete these shapes in the tool, and export anew",
    FaultKind.BOX: "draw outlines or masks in the tool in place of these boxes, or delete "
    "them, and export polygons",
    FaultKind.UNLISTED_CLASS: "list the class where the tool lists them, or rename it there",
    FaultKind.LOST_IMAGE: "put the images where the labels name them, or remove their labels",
    FaultKind.BAD_LIST: "write to each line an image's path with its ending, as seen from the data "
    "folder, or its name without one, or an image and its mask",
    FaultKind.LABELLED_TOO: "take these out of what 'unlabelled' names: images of train are "
    "learned from anyway, and nothing may be learned from those of val and test",
    FaultKind.NONE_UNLABELLED: "put images there, or take the place out of 'unlabelled'",
    FaultKind.BAD_LINE: "write to each line an image's path with its ending, as seen from the data "
    "folder",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one file; ``file`` as seen from the data folder."""

    kind: FaultKind
    file: str
    detail: str = ""
    next_step: str = ""


class FileFault(DataError):
    """A fault met while one file was being read."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(
            f"found {fault.kind.single()}",
            where=fault.file,
            why=fault.detail,
            next_step=fault.next_step or NEXT_STEPS.get(fault.kind, ""),
        )
        self.fault = fault


def error_of_faults(
    faults: Sequence[Fault],
    where: str,
    *,
    summaries: Mapping[FaultKind, str] | None = None,
    remedies: Mapping[FaultKind, str] | None = None,
) -> DataError:
    """Return one DataError for all faults: each kind with its total and at most five examples.

    ``summaries`` adds a phrase to the line of a kind; ``remedies`` go before a fault's own step.
    """
    by_kind: dict[FaultKind, list[Fault]] = {}
    for fault in faults:
        by_kind.setdefault(fault.kind, []).append(fault)
    lines = [_line_of(kind, group, (summaries or {}).get(kind)) for kind, group in by_kind.items()]
    own = {kind: _next_step(group[0]) for kind, group in by_kind.items()}
    steps = dict.fromkeys((remedies or {}).get(kind) or step for kind, step in own.items())
    kinds = faults[0].kind.format_count(len(faults)) if len(by_kind) == 1 else ""
    return DataError(
        kinds or f"{len(faults)} faults of {len(by_kind)} kinds",
        where=where,
        why=_INDENT.join(lines),
        next_step=_INDENT.join(step for step in steps if step),
    )


def _next_step(fault: Fault) -> str:
    return fault.next_step or NEXT_STEPS.get(fault.kind, "")


def _line_of(kind: FaultKind, faults: Sequence[Fault], summary: str | None) -> str:
    named = [f"{one.file} ({one.detail})" if one.detail else one.file for one in faults]
    shown = [as_shown(one) for one in named]
    rest = len(faults) - SHOWN_EXAMPLES
    listed = "; ".join(shown[:SHOWN_EXAMPLES]) + (f"; and {rest} more" if rest > 0 else "")
    return f"{kind.format_count(len(faults))}{f', {summary}' if summary else ''}: {listed}"
