"""A file of ours says by itself whether it is what was written."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pytest

from fasterseg.artifacts import Artifact, sealed_content
from fasterseg.errors import FileError


class Counted(Artifact):
    """A file of a made-up stage."""

    schema_tag: ClassVar[str] = "fasterseg/counted/1"

    count: int
    name: str = "none"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return Counted(count=3, name="three").save(
        tmp_path / "counted.json", inputs={"data": "sha256:1"}
    )


def test_a_file_is_read_with_its_origin(saved: Path) -> None:
    found, made = Counted.load_made(saved)
    assert found == Counted(count=3, name="three")
    assert made.digest == found.digest()
    assert made.provenance is not None
    assert made.provenance.inputs == {"data": "sha256:1"}
    assert sealed_content(saved) == found.content()


def test_a_flipped_bit_anywhere_is_noticed_or_says_the_same(saved: Path) -> None:
    whole, wanted = saved.read_bytes(), Counted.load_made(saved)
    for at in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[at // 8] ^= 1 << at % 8
        saved.write_bytes(flipped)
        with suppress(FileError):
            assert Counted.load_made(saved) == wanted


def test_a_file_of_the_time_before_that_digest_is_read(saved: Path) -> None:
    document = json.loads(saved.read_text())
    del document["provenance_digest"]
    saved.write_text(json.dumps(document))
    assert Counted.load(saved).count == 3


def test_a_changed_origin_is_refused(saved: Path) -> None:
    document = json.loads(saved.read_text())
    document["provenance"]["inputs"]["data"] = "sha256:2"
    saved.write_text(json.dumps(document))
    for read in (Counted.load, sealed_content):
        with pytest.raises(FileError, match="its provenance does not have the digest"):
            read(saved)


@pytest.mark.parametrize("origin", [[1], "x", {"created": 3}, {"machine": "x"}])
def test_an_odd_origin_is_refused(saved: Path, origin: object) -> None:
    document = json.loads(saved.read_text())
    del document["provenance_digest"]
    document["provenance"] = origin
    saved.write_text(json.dumps(document))
    with pytest.raises(FileError, match="provenance"):
        Counted.load(saved)


def test_a_key_that_no_file_has_is_refused(saved: Path) -> None:
    document = json.loads(saved.read_text())
    saved.write_text(json.dumps({**document, "more": 1}))
    with pytest.raises(FileError, match="the key 'more'"):
        Counted.load(saved)
