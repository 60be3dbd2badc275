"""Odd masks: of ids, of colours, and of neither."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from zoo_animals import Animal, mask
from zoo_encoders import (
    COLOURS,
    HEIGHT,
    WIDTH,
    Array,
    classes,
    ids,
    palette_chunk,
    png,
    rgb_of,
    saved,
    with_exif,
)

PALETTE = "palette: [[0, 0, 0], [255, 0, 0], [0, 255, 0]]\n"


def animals() -> Iterator[Animal]:
    """All of them."""
    yield from good_masks()
    yield from colour_masks()
    yield from bad_masks()
    yield from cut_masks()


def good_masks() -> Iterator[Animal]:
    """Masks of ids in every form."""
    true = ids()
    few = classes()
    for bits in (2, 4):
        yield mask(f"grey mask of {bits} bits", png(few, bits=bits), few)
    one = (few > 0).astype(np.uint8)
    yield mask("grey mask of one bit", png(one, bits=1), one)
    yield mask("mask", png(true), true)
    yield mask("interlaced mask", png(true, interlaced=True), true)
    yield mask("mask of 16 bits", png(true, bits=16), true)
    colours = np.zeros((256, 3), np.uint8)
    colours[:3], colours[255] = COLOURS, (224, 224, 192)
    yield mask("palette mask", png(true, before=(palette_chunk(colours),)), true)
    for bits in (2, 4):
        data = png(few, bits=bits, before=(palette_chunk(COLOURS),))
        yield mask(f"palette mask of {bits} bits", data, few)
    clear = (palette_chunk(colours), (b"tRNS", b"\0"))
    yield mask("palette mask with a clear colour", png(true, before=clear), true)
    full = np.full((HEIGHT, WIDTH), 255, np.uint8)
    yield mask("mask with opaque alpha", png(np.dstack([true, full])), true)
    yield mask("mask in three channels", png(rgb_of(true)), true)
    yield mask("mask in three channels and alpha", png(np.dstack([rgb_of(true), full])), true)
    for form in (np.uint8, np.uint16, np.int32):
        data = saved(true.astype(form), "TIFF")
        yield mask(f"tiff mask of {form.__name__}", data, true, "a.tif")
    yield mask("lzw tiff mask", saved(true, "TIFF", compression="tiff_lzw"), true, "a.tif")
    yield mask("bmp mask", saved(true, "BMP"), true, "a.bmp")
    yield mask("gif mask of greys", saved(true, "GIF"), true, "a.gif")
    yield mask("gif mask called png", saved(true, "GIF"), true)
    yield mask("gif mask of indices", gif(few), few, "a.gif")
    lossless = saved(rgb_of(true), "WEBP", lossless=True)
    yield mask("lossless webp mask", lossless, true, "a.webp")
    yield mask("lossless webp mask called png", lossless, true)
    yield mask("mask in capitals", png(true), true, "a.PNG")
    yield mask("tiff mask called png", saved(true, "TIFF"), true)
    mirrored = saved(np.ascontiguousarray(true[:, ::-1]), "PNG", exif=with_exif(2))
    yield mask("mask mirrored by its tag", mirrored, true)
    yield mask("mask of nothing but 255", png(full), full)
    seven = np.where(few == 1, 7, few)
    yield mask("mask with a mapped id", png(seven), few, lines="label_mapping: {7: 1}\n")
    shifted = np.where(true == 255, 0, true + 1).astype(np.uint8)
    yield mask("mask that counts from 1", png(shifted), true, lines="reduce_zero_label: true\n")


def gif(indices: Array) -> bytes:
    """A GIF of these indices into the palette of colours, which Pillow leaves as they are."""
    picture = Image.fromarray(indices.astype(np.uint8), "P")
    picture.putpalette(COLOURS.astype(np.uint8).tobytes())
    stream = io.BytesIO()
    picture.save(stream, "GIF", optimize=False)
    return stream.getvalue()


def moving(indices: Array) -> bytes:
    """A GIF of two pictures."""
    stream = io.BytesIO()
    first, second = (Image.fromarray(COLOURS[one]) for one in (indices, indices[::-1]))
    first.save(stream, "GIF", save_all=True, append_images=[second])
    return stream.getvalue()


def colour_masks() -> Iterator[Animal]:
    """Masks of colours, read through a palette."""
    few = classes()
    painted = COLOURS[few]
    full = np.full((HEIGHT, WIDTH), 255, np.uint8)
    black = np.zeros_like(few)
    forms: dict[str, tuple[bytes, Array, str]] = {
        "colour mask": (png(painted), few, "a.png"),
        "colour mask with opaque alpha": (png(np.dstack([painted, full])), few, "a.png"),
        "palette mask of colours": (png(few, before=(palette_chunk(COLOURS),)), few, "a.png"),
        "colour tiff": (saved(painted, "TIFF"), few, "a.tif"),
        "colour gif": (gif(few), few, "a.gif"),
        "colour webp": (saved(painted, "WEBP", lossless=True), few, "a.webp"),
        "colour bmp": (saved(painted, "BMP"), few, "a.bmp"),
        "black grey mask among coloured ones": (png(black), black, "a.png"),
        "black mask of one bit among coloured ones": (png(black, bits=1), black, "a.png"),
    }
    for name, (data, holds, file) in forms.items():
        yield mask(name, data, holds, file, PALETTE)
    second = "palette: {ground: [0, 0, 0], car: [[255, 0, 0], [200, 0, 0]], road: [0, 255, 0]}\n"
    two = painted.copy()
    two[(few == 1) & (np.arange(WIDTH) % 2 == 0)] = (200, 0, 0)
    yield mask("two colours of one class", png(two), few, lines=second)


def bad_masks() -> Iterator[Animal]:
    """Masks that hold no ids, or ids that mean nothing."""
    few, true = classes(), ids()
    painted = COLOURS[few]
    strange = few.copy()
    strange[3, :4] = 9
    deep = few.astype(np.uint16)
    deep[0, 0] = 26001
    negative = few.astype(np.int32)
    negative[0, 0] = -1
    fading = np.dstack([rgb_of(few), few * 80])
    off = painted.copy()
    off[5, 5] = (1, 2, 3)
    real = Image.fromarray(few.astype(np.float32))
    contents: dict[str, tuple[bytes, str, str]] = {
        "an id that is no class": (png(strange), "a.png", ""),
        "an id of 16 bits": (png(deep, bits=16), "a.png", ""),
        "a negative id": (saved(negative, "TIFF"), "a.tif", ""),
        "colours without a palette": (png(painted), "a.png", ""),
        "colours that the palette lacks": (png(off), "a.png", PALETTE),
        "ids where the palette wants colours": (png(few), "a.png", PALETTE),
        "deep grey where the palette wants colours": (png(deep, bits=16), "a.png", PALETTE),
        "colours of 16 bits": (png(painted.astype(np.uint16) * 257, bits=16), "a.png", PALETTE),
        "a transparent mask": (png(fading), "a.png", ""),
        "a transparent colour mask": (png(np.dstack([painted, few * 80])), "a.png", PALETTE),
        "floats": (saved(real, "TIFF"), "a.tif", ""),
        "inks": (saved(Image.fromarray(painted).convert("CMYK"), "TIFF"), "a.tif", ""),
        "a mask that is too low": (png(true[:-1]), "a.png", ""),
        "a mask on its side": (png(np.ascontiguousarray(true.T)), "a.png", ""),
        "a mask of one pixel": (png(true[:1, :1]), "a.png", ""),
        "a jpeg": (saved(few, "JPEG"), "a.jpg", ""),
        "a jpeg called png": (saved(few, "JPEG"), "a.png", ""),
        "a lossy webp": (saved(rgb_of(few), "WEBP"), "a.webp", ""),
        "a lossy webp called png": (saved(rgb_of(few), "WEBP"), "a.png", ""),
        "a lossless webp cut short": (
            saved(rgb_of(few), "WEBP", lossless=True)[:-9],
            "a.webp",
            "",
        ),
        "a gif that moves": (moving(few), "a.gif", ""),
        "a gif that ends early": (saved(few, "GIF")[:-9], "a.gif", ""),
        "an array": (b"\x93NUMPY" + bytes(90), "a.npy", ""),
        "nothing": (b"", "a.png", ""),
        "text": (b"0 0 1 1 2\n" * 9, "a.png", ""),
        "an id that a whole mapping leaves out": (
            png(few),
            "a.png",
            "label_mapping: {5: 0, 1: 1, 2: 2}\n",
        ),
    }
    for name, (data, file, lines) in contents.items():
        yield mask(f"mask: {name}", data, None, file, lines)
    pipe = Animal("mask: a named pipe", "a.png", os.mkfifo, None, "mask")
    gone = Animal("mask: a link to nothing", "a.png", put_broken_link, None, "mask")
    yield from (pipe, gone)


def put_broken_link(path: Path) -> None:
    """A link to a file that is not there."""
    path.symlink_to(path.parent / "nothing.png")


def cut_masks() -> Iterator[Animal]:
    """Masks cut at some places."""
    wholes = {"png": png(ids()), "tif": saved(ids(), "TIFF"), "bmp": saved(ids(), "BMP")}
    for kind, data in wholes.items():
        for share in (0.3, 0.9):
            cut_short = data[: int(len(data) * share)]
            yield mask(f"{kind} mask cut at {share:.0%}", cut_short, None, f"a.{kind}")
