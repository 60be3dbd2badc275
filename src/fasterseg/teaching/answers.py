"""The answers of a teacher to all images of a split, kept in a folder: one small file for each.

The folder is called after what the answers depend on, so that no other's are ever taken for these.
A file is written whole or not at all; those that are missing or cut short are asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from fasterseg.artifacts import Artifact, digest_of_value
from fasterseg.changes import refuse_changes
from fasterseg.errors import DataError, FileError
from fasterseg.teaching.answer_file import is_whole, read_answer, write_answer
from fasterseg.teaching.answering import Logits

FACTS = "answers.json"
_KEY_SIGNS = 16


class AnswersFacts(Artifact):
    """Whose answers these are, to which images: `teacher` and `data` are digests.

    `teachers` are names, `scales` and `flip` what each saw of an image.  `size_bytes` is what all
    take, 0 before they are `complete`.
    """

    schema_tag: ClassVar[str] = "fasterseg/answers/1"

    teacher: str
    teachers: tuple[str, ...]
    data: str
    split: str
    images: int
    classes: int
    stride: int
    scales: tuple[float, ...] = (1.0,)
    flip: bool = False
    complete: bool = False
    size_bytes: int = 0

    @property
    def key(self) -> str:
        """What the folder is called: the answers depend on nothing else."""
        return digest_of_value(self.meant()).removeprefix("sha256:")[:_KEY_SIGNS]

    def meant(self) -> dict[str, Any]:
        """What the answers depend on: not on what teachers are called, and how many are there."""
        left_out = ("teachers", "complete", "size_bytes")
        return {name: value for name, value in self.content().items() if name not in left_out}


@dataclass(frozen=True, slots=True)
class Answers:
    """The kept answers in a folder, as far as they are there.  Implements `KnownAnswers`."""

    folder: Path
    facts: AnswersFacts

    @classmethod
    def of(cls, above: Path, facts: AnswersFacts) -> Self:
        """Those that the facts tell of, in a folder of their own in one; begun where there is none.

        What a killed process left half written goes.
        Raises `FileError` for a damaged file of facts, and `UsageError` for one of others.
        """
        folder = above / facts.key
        path = folder / FACTS
        if not path.is_file():
            facts.save(path)
            return cls(folder, facts)
        known = AnswersFacts.load(path)
        for part in folder.glob(".*.tmp"):
            part.unlink(missing_ok=True)
        refuse_changes(
            "these answers of a teacher", stored=known.meant(), wanted=facts.meant(), where=path
        )
        return cls(folder, known)

    @classmethod
    def kept_in(cls, folder: Path, *, teacher: str) -> Self:
        """Those that another process kept in a folder, by the digest of their teacher.

        Raises `DataError` where they are not to be seen from here, or are others.
        """
        path = folder / FACTS
        facts = AnswersFacts.load(path) if path.is_file() else None
        if facts is None or facts.teacher != teacher or not facts.complete:
            raise DataError(
                "the teacher's answers are not to be found by this process",
                where=str(folder),
                why="the process that leads has kept them there, and here there are "
                + ("none" if facts is None else "others"),
                next_step="put the run into a folder that all machines see under this name, or ask "
                "the teacher at every step: --set student.distillation.answers=live",
            )
        return cls(folder, facts)

    @property
    def stride(self) -> int:
        """See `KnownAnswers`."""
        return self.facts.stride

    @property
    def complete(self) -> bool:
        """Whether all were there when the last was kept."""
        return self.facts.complete

    def missing(self) -> Sequence[int]:
        """The images without a whole file, by index; the values in the files are not read."""
        return [
            index
            for index in range(self.facts.images)
            if not is_whole(self._path(index), self.facts.classes)
        ]

    def keep(self, index: int, logits: Logits) -> None:
        """Keep the answer to an image.

        Raises `DataError` for one of other classes, or which is not finite.
        """
        if logits.ndim != 3 or logits.shape[0] != self.facts.classes:
            raise self._no_answer(index, f"its shape is {logits.shape}")
        if not np.isfinite(logits).all():
            raise self._no_answer(index, "it has values that are not finite")
        write_answer(self._path(index), logits)

    def finish(self) -> Self:
        """Say that all are there, and what they take."""
        paths = map(self._path, range(self.facts.images))
        size = sum(path.stat().st_size for path in paths)
        facts = self.facts.model_copy(update={"complete": True, "size_bytes": size})
        facts.save(self.folder / FACTS)
        return replace(self, facts=facts)

    def answer(self, index: int) -> Logits:
        """See `KnownAnswers`; raises `FileError` for one that is missing or damaged."""
        path = self._path(index)
        found = read_answer(path, self.facts.classes)
        if found is None:
            raise FileError(
                "a kept answer of the teacher is missing or damaged",
                where=str(path),
                why="the file is not there, or its values have another checksum than its head says",
                next_step="delete it, and start the same command: it asks about this image again",
            )
        return found

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.answer"

    def _no_answer(self, index: int, why: str) -> DataError:
        return DataError(
            "the teacher's answer is none to learn from",
            where=f"image {index} of {self.facts.split}, asked of {', '.join(self.facts.teachers)}",
            why=why,
            next_step="name another teacher with --teacher",
        )
