"""TIFFs of forms that Pillow takes for others, or for none, brought to one that it reads.

Of bands that lie one after another (planar) it knows colours of 8 bits alone: it makes noise of
those of 16, and of grey ones it forgets what their numbers are.  It shows grey of 16 bits whose 0
is white inside out, finds no picture in a BigTIFF of big-endian numbers, and takes a fourth band
that a file says nothing of for transparency.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from fasterseg.datasets.pictures.deep_pixels import MOST_VALUE
from fasterseg.datasets.pictures.limits import PixelLimit
from fasterseg.datasets.pictures.tiff_directories import Form, whole_numbers_of

_WIDTH, _HEIGHT, _BITS, _PACKING, _MEANING, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _ORIENTATION, _SAMPLES, _STRIP_ROWS, _STRIP_BYTES = 273, 274, 277, 278, 279
_PLANES, _PREDICTOR, _PALETTE, _TILE_WIDTH, _TILE_HEIGHT = 284, 317, 320, 322, 323
_TILES, _TILE_BYTES, _EXTRA, _KIND = 324, 325, 338, 339
_PACKED_AS = (_PACKING, _FILL_ORDER, _STRIP_ROWS, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT)
_PLACES = (_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES)
_ABOUT = (_WIDTH, _HEIGHT, _BITS, _MEANING, _ORIENTATION, _SAMPLES, _PLANES, _PALETTE, _EXTRA)
_TAGS = frozenset({*_PACKED_AS, *_PLACES, *_ABOUT, _KIND})

_ONE_AFTER_ANOTHER, _UNSAID = 2, 0
_WHITE_IS_0, _BLACK_IS_0, _RGB, _YCBCR = 0, 1, 2, 6
_TRANSPARENCIES = frozenset({1, 2})
_COLOURS_OF: Mapping[int, int] = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}
_MEANINGS: Mapping[int, str] = {0: "grey", 1: "grey", 2: "red, green and blue", 3: "a palette's"}
_KINDS: Mapping[int, str] = {1: "", 2: ", signed", 3: ", floating-point numbers"}
_REREAD_BITS = frozenset({8, 16})
# None, LZW, Deflate (two), PackBits, LZMA, Zstandard: nothing but their bytes is needed.
_PACKINGS = frozenset({1, 5, 8, 32946, 32773, 34925, 50000})

_LOSSY = frozenset({6, 7, 50001})

Tags = dict[int, tuple[int, ...]]


class LeftOut(Exception):
    """Strips or tiles have no place in a file, as GDAL's SPARSE_OK leaves out those of one value.

    Their place is 0, where a file's first bytes stand: Pillow would take these for pixels.
    """

    next_step = "write them into the file: gdal_translate -co SPARSE_OK=FALSE IN.tif OUT.tif"


@dataclass(frozen=True, slots=True)
class TiffForm:
    """What the first directory of a TIFF says of its pixels."""

    tags: Tags

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Return what a file says; nothing where it is no TIFF."""
        return cls(whole_numbers_of(data, _TAGS))

    @classmethod
    def of_pillow(cls, tags: Mapping[int, Any]) -> Self:
        """Return what Pillow's tags of an image say."""
        found = {tag: tags[tag] for tag in _TAGS if tag in tags}
        return cls({tag: v if isinstance(v, tuple) else (v,) for tag, v in found.items()})

    def first(self, tag: int, default: int) -> int:
        """Return a tag's first number, or what holds where it is not there."""
        return (self.tags.get(tag) or (default,))[0]

    @property
    def bands(self) -> int:
        """How many numbers a pixel has."""
        return self.first(_SAMPLES, 1)

    @property
    def bits(self) -> int:
        """How many bits its first number has."""
        return self.first(_BITS, 1)

    @property
    def is_planar(self) -> bool:
        """Whether bands lie one after another."""
        return self.first(_PLANES, 1) == _ONE_AFTER_ANOTHER

    @property
    def colours(self) -> int:
        """How many of its bands are colours."""
        return _COLOURS_OF.get(self.first(_MEANING, 0), self.bands)

    @property
    def unsaid(self) -> int:
        """How many bands it has of which it says nothing."""
        return max(0, self.bands - self.colours - len(self.tags.get(_EXTRA, ())))

    @property
    def is_unsaid_fourth(self) -> bool:
        """Whether it has red, green, blue, and a fourth band of which it says nothing."""
        return self.first(_MEANING, 0) == _RGB and self.bands == 4 and self.unsaid == 1

    @property
    def spare(self) -> bool:
        """Whether it has bands beside its colours that are no transparency."""
        return self.unsaid > 0 or _UNSAID in self.tags.get(_EXTRA, ())

    @property
    def is_taken_apart(self) -> bool:
        """Whether Pillow may take the bytes of its planes for others, once it has loaded them."""
        is_plain = self.bits == 8 and self.first(_MEANING, 0) in (_BLACK_IS_0, _RGB)
        return self.is_planar and not (is_plain and self.bands == self.colours)

    @property
    def is_negative(self) -> bool:
        """Whether it is grey of 16 bits whose 0 is white."""
        return self.is_white_first and self.bits == 16

    @property
    def is_white_first(self) -> bool:
        """Whether it is grey of more than one bit whose 0 is white."""
        is_grey = self.bands == 1 and self.first(_MEANING, 1) == _WHITE_IS_0
        return is_grey and self.bits > 1 and self.first(_KIND, 1) == 1

    def require_all_parts(self) -> None:
        """Raise EOFError where strips or tiles are too few for the pixels, `LeftOut` for some."""
        width, height = self.first(_WIDTH, 0), self.first(_HEIGHT, 0)
        parts, high, wide = self.tags.get(_STRIPS, ()), self.first(_STRIP_ROWS, height), width
        if not parts:
            parts, high = self.tags.get(_TILES, ()), self.first(_TILE_HEIGHT, height)
            wide = self.first(_TILE_WIDTH, width)
        if not parts or not high or not wide:
            return
        wanted = -(-height // high) * -(-width // wide) * (self.bands if self.is_planar else 1)
        if len(parts) < wanted:
            raise EOFError("it has fewer strips or tiles than its pixels take")
        if 0 in parts[:wanted]:
            raise LeftOut("strips or tiles of one value throughout are left out of it")

    @property
    def is_lossy(self) -> bool:
        """Whether its pixels are packed as those of JPEG or WebP."""
        return self.first(_PACKING, 1) in _LOSSY

    def describe(self) -> str:
        """Return what it is, as in ``a TIFF of 4 bands of 16 bits, which it calls grey``."""
        bands = f"{self.bands} band{'' if self.bands == 1 else 's'}"
        kind = _KINDS.get(self.first(_KIND, 1), "")
        called = _MEANINGS.get(self.first(_MEANING, 0), "neither grey nor red, green and blue")
        return f"a TIFF of {bands} of {self.bits} bits{kind}, which it calls {called}"

    @property
    def advice(self) -> str:
        """Return how a picture that is read is made of it."""
        is_one, is_plain = self.bands < 3, self.first(_KIND, 1) == 1 and self.bits in _REREAD_BITS
        wanted = "the band that is wanted" if is_one else "the bands that are red, green and blue"
        bands = "-b 1" if is_one else "-b 1 -b 2 -b 3"
        scaled = "" if is_plain else "-ot UInt16 -scale LOWEST HIGHEST 0 65535 "
        return (
            f"save {wanted} as PNG of 8 or 16 bits, by their numbers, as in  "
            f"gdal_translate -of PNG {scaled}{bands} IN.tif OUT.png"
        )


def as_meant(image: Image.Image, form: TiffForm) -> Image.Image:
    """Return a loaded image without a band that nothing is said of, and its greys from black up."""
    if form.is_unsaid_fourth:
        return image.convert("RGB")
    if form.is_negative:
        return Image.fromarray(MOST_VALUE - np.asarray(image).astype(np.uint16))
    return image


def plain_tiff(
    data: bytes,
    form: TiffForm,
    limit: PixelLimit,
    *,
    packed: int | None,
    as_numbers: bool = False,
) -> bytes:
    """Return a TIFF that Pillow reads as the file is meant: itself, for nearly every file.

    ``form`` is what it says of itself, ``packed`` as in `PixelLimit.require`.  With ``as_numbers``
    its greys are those of the file even where it calls 0 white, as a mask's ids are.  Raises
    `TooLarge`, `LeftOut`, and what Pillow raises for damage.
    """
    numbers = Form.of(data)
    if form.is_planar and form.colours == 1 and form.bands > 2:
        raise UnidentifiedImageError("its bands beside a grey one may be colours")
    form.require_all_parts()
    if form.first(_PACKING, 1) not in _PACKINGS:
        return data
    if form.is_planar and form.bands > 1 and _can_be_reread(form):
        limit.require(form.first(_WIDTH, 0), form.first(_HEIGHT, 0), kind="TIFF", packed=packed)
        return _side_by_side(data, form)
    tags = dict(form.tags)
    if form.is_planar and form.bands == 1:
        tags[_PLANES] = (1,)
    if form.is_negative or (as_numbers and form.is_white_first):
        tags[_MEANING] = (_BLACK_IS_0,)
    is_unknown = numbers is not None and numbers.large and numbers.order == "big"
    return _with_tags(data, tags) if tags != form.tags or (tags and is_unknown) else data


def _can_be_reread(form: TiffForm) -> bool:
    bits, kinds = {*form.tags.get(_BITS, ())}, {*form.tags.get(_KIND, (1,))}
    alike = len(bits) == 1 and bits <= _REREAD_BITS and kinds == {1}
    meaning = form.first(_MEANING, 0)
    known = meaning in _COLOURS_OF and meaning != _YCBCR and form.colours <= form.bands
    has_size = form.first(_WIDTH, 0) > 0 and form.first(_HEIGHT, 0) > 0
    return alike and known and has_size and form.unsaid <= 1


def _side_by_side(data: bytes, form: TiffForm) -> bytes:
    """The same picture with a pixel's colours, and their transparency, beside each other."""
    extra = form.tags.get(_EXTRA, ())[:1]
    is_kept = extra[0] in _TRANSPARENCIES if extra else form.is_unsaid_fourth
    kept = form.colours + is_kept
    width, height = form.first(_WIDTH, 0), form.first(_HEIGHT, 0)
    pixels = np.empty((height, width, kept), dtype="<u2" if form.bits > 8 else "u1")
    for band in range(kept):
        pixels[..., band] = _plane(data, form, band)
    tags = {tag: form.tags[tag] for tag in (_MEANING, _ORIENTATION, _PALETTE) if tag in form.tags}
    tags |= {_EXTRA: extra} if extra and is_kept else {}
    tags |= {
        _WIDTH: (width,), _HEIGHT: (height,), _BITS: (form.bits,) * kept, _PACKING: (1,),
        _STRIPS: (8,), _SAMPLES: (kept,), _STRIP_ROWS: (height,), _STRIP_BYTES: (pixels.nbytes,),
    }  # fmt: skip
    return _file(b"II", pixels.data, tags)


def _plane(data: bytes, form: TiffForm, band: int) -> npt.NDArray[Any]:
    """One band, read as a grey picture of the same file."""
    tags = {tag: form.tags[tag] for tag in _PACKED_AS if tag in form.tags}
    tags |= {_WIDTH: form.tags[_WIDTH], _HEIGHT: form.tags[_HEIGHT], _BITS: (form.bits,)}
    tags |= {_MEANING: (_BLACK_IS_0,), _SAMPLES: (1,)}
    for tag in _PLACES:
        if parts := form.tags.get(tag):
            each, left = divmod(len(parts), form.bands)
            if left or not each:
                raise ValueError(f"{len(parts)} parts cannot be those of {form.bands} bands")
            tags[tag] = parts[band * each : (band + 1) * each]
    with Image.open(io.BytesIO(_with_tags(data, tags)), formats=("TIFF",)) as image:
        return np.asarray(image)


def _with_tags(data: bytes, tags: Tags) -> bytes:
    """A file of the same bytes, each at its place, with another directory behind them."""
    return _file(data[:2], memoryview(data)[8:], tags)


def _file(mark: bytes, body: memoryview, tags: Tags) -> bytes:
    """A TIFF of one directory, which lies behind what else is in it."""
    order = "<" if mark == b"II" else ">"
    start = 8 + body.nbytes + body.nbytes % 2
    behind = start + 2 + 12 * len(tags) + 4
    entries, values = [struct.pack(f"{order}H", len(tags))], b""
    for tag, numbers in sorted(tags.items()):
        is_short = max(numbers) < 1 << 16
        packed = struct.pack(f"{order}{len(numbers)}{'H' if is_short else 'I'}", *numbers)
        if len(packed) > 4:
            place = struct.pack(f"{order}I", behind + len(values))
            values, packed = values + packed, place
        head = struct.pack(f"{order}HHI", tag, 3 if is_short else 4, len(numbers))
        entries.append(head + packed.ljust(4, b"\0"))
    head = mark + struct.pack(f"{order}HI", 42, start)
    return b"".join((head, body, bytes(body.nbytes % 2), *entries, bytes(4), values))
