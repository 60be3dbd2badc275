"""The base of every file that one stage hands to the next: JSON with a schema tag and a digest.

A file looks like ``{"schema": ..., "digest": ..., "content": ..., "provenance": ...}``.  The digest
covers the content alone, so two runs that computed the same thing wrote the same digest, whenever
and wherever they did; the provenance has a digest of its own, which earlier versions did not write.
A file that people may edit has no digest once it was edited.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from fasterseg.durable import durable_write
from fasterseg.errors import FileError
from fasterseg.foreign.opened_files import bytes_of, opened, reading
from fasterseg.foreign.strict_json import NotStrict, load_json, require_computable, shortened
from fasterseg.version import __version__

_RESTORE = "restore it from a backup, or delete it and run its stage again"


def digest_of_bytes(data: bytes) -> str:
    """SHA-256 of the bytes, as ``sha256:<hex>``."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file's content, as ``sha256:<hex>``."""
    with opened(path) as stream, reading(path):
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of_value(value: Any) -> str:
    """SHA-256 of a JSON value in its canonical form (sorted keys, no blanks)."""
    return digest_of_bytes(canonical_json(value))


def short_digest(digest: str) -> str:
    """The first 12 signs of a digest, without the name of its kind."""
    return digest.removeprefix("sha256:")[:12]


def canonical_json(value: Any) -> bytes:
    """The one byte string that stands for a JSON value."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()


class Provenance(BaseModel):
    """Where an artifact came from; never part of its digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    created: str
    fasterseg: str
    python: str
    machine: str
    command: tuple[str, ...] = ()
    inputs: dict[str, str] = {}

    @classmethod
    def now(cls, inputs: Mapping[str, str] | None = None) -> Self:
        """The provenance of something made now, by this process, from the inputs' digests."""
        return cls(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            fasterseg=__version__,
            python=platform.python_version(),
            machine=f"{platform.system()} {platform.machine()}",
            command=tuple(Path(word).name if i == 0 else word for i, word in enumerate(sys.argv)),
            inputs=dict(inputs or {}),
        )


class Made(NamedTuple):
    """The digest of an artifact's content as it was written, and where it came from, if said."""

    digest: str
    provenance: Provenance | None


class Artifact(BaseModel):
    """A typed, immutable, versioned file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_tag: ClassVar[str]
    # Forms that are read and no longer written.
    earlier_tags: ClassVar[tuple[str, ...]] = ()
    # One that people may edit by hand, and which then has no digest.
    by_hand: ClassVar[bool] = False

    def content(self) -> dict[str, Any]:
        """The artifact as a JSON value."""
        return self.model_dump(mode="json", by_alias=True)

    def digest(self) -> str:
        """SHA-256 of the content."""
        return digest_of_value(self.content())

    def save(self, path: Path | str, *, inputs: Mapping[str, str] | None = None) -> Path:
        """Write the artifact durably, with its provenance, and return the path."""
        provenance = Provenance.now(inputs).model_dump(mode="json")
        document = {
            "schema": self.schema_tag,
            "digest": self.digest(),
            "content": self.content(),
            "provenance": provenance,
            "provenance_digest": digest_of_value(provenance),
        }
        durable_write(Path(path), json.dumps(document, indent=1, allow_nan=False).encode() + b"\n")
        return Path(path)

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read an artifact.  A missing, damaged, old or foreign file raises `FileError`."""
        return cls.load_made(path)[0]

    @classmethod
    def load_made(cls, path: Path | str) -> tuple[Self, Made]:
        """Read an artifact, and how it was made; raises as `load` does."""
        place = Path(path)
        document = _document(place, expected=cls.schema_tag)
        if not cls.reads(document["schema"]):
            raise FileError(
                f"cannot read a {str(document['schema'])[:80]} file here",
                where=str(path),
                why=f"{cls.schema_tag} was expected",
                next_step="make it anew with this version of fasterseg",
            )
        _require_whole(document, place, by_hand=cls.by_hand)
        found = cls._parse(document, place)
        digest = document.get("digest", "") or found.digest()
        return found, Made(digest, _provenance(document, place))

    @classmethod
    def reads(cls, tag: object) -> bool:
        """Whether a file of this schema is read as such an artifact."""
        return tag in (cls.schema_tag, *cls.earlier_tags)

    @classmethod
    def _parse(cls, document: dict[str, Any], path: Path) -> Self:
        try:
            found = cls.model_validate(document.get("content"))
            require_computable(found.model_dump())
        except (ValidationError, NotStrict) as error:
            raise FileError(
                f"the file does not hold a valid {document['schema']}",
                where=str(path),
                why=first_fault(error) if isinstance(error, ValidationError) else str(error),
                next_step=_RESTORE,
            ) from error
        digest = found.digest()
        if cls.by_hand and document.get("digest", digest) != digest:
            raise _changed(
                path,
                "its content does not have the digest that it carries",
                next_step='if you changed it yourself, delete its line "digest"; else restore it '
                "from a backup, or run its stage again",
            )
        return found


_KEYS = {"schema", "digest", "content", "provenance", "provenance_digest"}


def sealed_content(path: Path) -> dict[str, Any]:
    """The content of an artifact of any kind, as it was written; `FileError` for another file."""
    document = _document(path, expected="a file of a run")
    _require_whole(document, path, by_hand=False)
    content: dict[str, Any] = document["content"]
    return content


def _document(path: Path, *, expected: str) -> dict[str, Any]:
    document = read_json(path)
    if not isinstance(document, dict) or "schema" not in document:
        raise FileError(
            "not a fasterseg file",
            where=str(path),
            why=f"it has no schema tag; {expected} was expected",
            next_step=_RESTORE,
        )
    return document


def _require_whole(document: Mapping[str, Any], path: Path, *, by_hand: bool) -> None:
    """Raise `FileError` for a key that no file has, and where a digest is not that of the file."""
    for key in sorted(document.keys() - _KEYS):
        raise _changed(path, f"it has the key {key[:80]!r}, which no such file has")
    if not by_hand and digest_of_value(document.get("content")) != document.get("digest"):
        raise _changed(path, "its content does not have the digest that it carries")
    origin = digest_of_value(document.get("provenance"))
    if document.get("provenance_digest", origin) != origin:
        raise _changed(path, "its provenance does not have the digest that it carries")


def _provenance(document: Mapping[str, Any], path: Path) -> Provenance | None:
    """Where a file came from; None where it does not say."""
    if not document.get("provenance"):
        return None
    try:
        return Provenance.model_validate(document["provenance"])
    except ValidationError as error:
        raise _changed(path, f"provenance.{first_fault(error)}") from error


def _changed(path: Path, why: str, *, next_step: str = _RESTORE) -> FileError:
    what = "the file was changed after it was written"
    return FileError(what, where=str(path), why=why, next_step=next_step)


def first_fault(error: ValidationError) -> str:
    """The first of pydantic's complaints, in one line."""
    fault = error.errors(include_url=False)[0]
    key = ".".join(shortened(str(part)) for part in fault["loc"])
    return f"{key}: {fault['msg']}" if key else str(fault["msg"])


def read_json(path: Path) -> Any:
    """The JSON value in a file; raises `FileError` when there is none."""
    try:
        return load_json(bytes_of(path))
    except FileNotFoundError as error:
        raise FileError(
            "no such file",
            where=str(path),
            why="nothing of this name is there",
            next_step="look at the name, or run the stage that writes it",
        ) from error
    except (OSError, NotStrict) as error:
        raise FileError(
            "cannot read the file", where=str(path), why=str(error), next_step=_RESTORE
        ) from error
