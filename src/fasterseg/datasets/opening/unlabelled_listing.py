"""Listing images without labels: in folders, lists of images, and frames of videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from fasterseg.datasets.data_files.written_paths import OtherRoot, as_it_lies, composed, place_of
from fasterseg.datasets.decoding import IMAGE_SUFFIXES
from fasterseg.datasets.faults import Fault, FaultKind
from fasterseg.datasets.opening.video_frames import Frames
from fasterseg.datasets.pairing.lone_images import LoneImages
from fasterseg.datasets.pairing.named_images import lines_of
from fasterseg.datasets.pairing.pairs import PICTURES, Lone, Tree
from fasterseg.datasets.pictures.listing import is_file, printable


@dataclass(slots=True)
class _Found:
    """What the places that were looked into so far hold."""

    tree: Tree
    frames: Frames
    images: list[Lone] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def look_into(self, entry: str, called: str) -> None:
        """Take in a folder, a picture, a video or a list; its images are named below `called`."""
        place, before = place_of(self.tree.root, entry), len(self.images)
        faults = len(self.faults) + len(self.tree.faults)
        if not is_file(place):
            self._add_folder(place, called)
        elif not self.tree.is_inside(place):
            return
        elif place.suffix.lower() in PICTURES:
            self._add(place, called, place.stem)
        elif self.frames.is_video(place):
            self._add_video(place, called)
        else:
            self._add_list(place, called)
        told = len(self.faults) + len(self.tree.faults) > faults
        if len(self.images) == before and not told:
            self.faults.append(Fault(FaultKind.NONE_UNLABELLED, self.tree.shown(place)))

    def _add_folder(self, folder: Path, called: str) -> None:
        found = self.tree.files(folder, PICTURES | self.frames.suffixes)
        videos = [path for path in found if path.suffix.lower() in self.frames.suffixes]
        for path in found:
            if path.suffix.lower() not in self.frames.suffixes:
                below = path.relative_to(folder)
                self._add(path, f"{called}/{below.as_posix()}", below.with_suffix("").as_posix())
        if videos:
            one = len(videos) == 1
            self.notes.append(
                f"{len(videos)} video{'' if one else 's'} in {self.tree.shown(folder)} "
                f"{'is' if one else 'are'} passed over: name {'it' if one else 'each'} under "
                f"'unlabelled', as {self.tree.shown(videos[0])}, for its frames"
            )

    def _add_video(self, video: Path, called: str) -> None:
        taken = self.frames.taken(video)
        self.notes += taken.notes
        for number, path in taken.paths:
            self._add(path, f"{called}/{number:06d}", f"{video.stem}/{number:06d}")

    def _add_list(self, place: Path, called: str) -> None:
        elsewhere = OtherRoot(self.tree.root)
        for line, places in lines_of(self.tree, place).items():
            lies = as_it_lies(self.tree.root, line)
            path, step = self.tree.root / lies, ""
            is_there = is_file(path) and path.suffix.lower() in PICTURES
            if not is_there:
                step = elsewhere.step_for(line)
            if self.tree.leads_out(lies) and not step:
                self.faults += [Fault(FaultKind.OUTSIDE, where, line) for where in places]
            elif not is_there:
                self.faults += [Fault(FaultKind.BAD_LINE, where, line, step) for where in places]
            elif self.tree.is_inside(path):
                for _ in places:
                    self._add(path, f"{called}/{lies}", path.stem)

    def _add(self, path: Path, name: str, inside: str) -> None:
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            self.faults.append(Fault(FaultKind.UNSUPPORTED, self.tree.shown(path)))
        else:
            self.images.append(Lone(printable(composed(name)), path, composed(inside)))

    def result(self) -> LoneImages:
        """All that was found."""
        faults = (*self.faults, *self.tree.faults)
        images = sorted(self.images, key=lambda one: one.name)
        return LoneImages(tuple(images), faults, tuple(self.notes))


def lone_images(tree: Tree, named: Iterable[tuple[str, str]], frames: Frames) -> LoneImages:
    """Return the images in folders, lists and videos, as seen from a tree's root.

    ``named`` has each place with what its images are called after.

    Raises `DataError` for a list or a video that cannot be read, and `EnvironmentFault` for a video
    where nothing reads videos.
    """
    found = _Found(tree, frames)
    for entry, called in named:
        found.look_into(entry, called)
    return found.result()


def called_after(places: Iterable[str]) -> list[str]:
    """Return what the images of each place are called after: its own name, wherever it lies.

    Where several have the same name, the others have a number.
    """
    seen: Counter[str] = Counter()
    called = []
    for place in places:
        name = printable(Path(place).name.strip(".")) or "images"
        seen[name] += 1
        called.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return called
