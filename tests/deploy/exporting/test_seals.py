"""A seal: whatever changes in a file that carries one is noticed."""

from __future__ import annotations

import pytest
from tiny_export import FORM, origin

from fasterseg.deploy.exporting.exported_card import ExportedCard, UnsealedCard
from fasterseg.deploy.exporting.seals import BLANK_SEAL, check_seal, sealed
from fasterseg.errors import FileError

DATA = f"before {BLANK_SEAL} after".encode()
BESIDE = [b"one file", b"another"]


def test_a_sealed_file_has_its_seal() -> None:
    assert check_seal(sealed(DATA), "x")
    assert not check_seal(b"never sealed", "x")
    assert len(sealed(DATA)) == len(DATA)


def test_every_flip_is_noticed_or_costs_the_file_its_seal() -> None:
    whole = sealed(DATA)
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            assert not check_seal(bytes(changed), "x")
        except FileError as error:
            assert "changed" in str(error)


@pytest.mark.parametrize(
    "changed",
    [
        sealed(DATA)[:-1],
        sealed(DATA)[:40],
        sealed(DATA) + b"\0",
        sealed(DATA) * 2,
        DATA,
        sealed(DATA).upper().replace(b"FASTERSEG-SEAL:SHA256:", b"fasterseg-seal:sha256:"),
    ],
)
def test_what_is_longer_shorter_or_doubled_is_noticed(changed: bytes) -> None:
    with pytest.raises(FileError, match="changed"):
        check_seal(changed, "x")


def test_a_seal_covers_the_files_beside() -> None:
    whole = sealed(DATA, companions=BESIDE)
    assert check_seal(whole, "x", companions=BESIDE)
    for others in ([], BESIDE[:1], BESIDE[::-1], [b"one fil", b"eanother"]):
        with pytest.raises(FileError, match="changed"):
            check_seal(whole, "x", companions=others)


def test_a_card_says_whether_its_file_is_sealed() -> None:
    card = origin().card_like(FORM)
    earlier = UnsealedCard(**card.model_dump())
    for one, has_seal in ((card, True), (earlier, False)):
        assert ExportedCard.from_text(one.to_text(), where="x", has_seal=has_seal) == one
        with pytest.raises(FileError, match="changed"):
            ExportedCard.from_text(one.to_text(), where="x", has_seal=not has_seal)
