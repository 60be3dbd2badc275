"""Odd images that are good: every format, mode, depth, turn and name."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image
from zoo_animals import Animal, content, image
from zoo_encoders import (
    HEIGHT,
    WIDTH,
    Array,
    decoded,
    grey,
    on_black,
    palette_chunk,
    png,
    rgb_of,
    saved,
    scene,
    with_exif,
)


def animals() -> Iterator[Animal]:
    """All of them."""
    yield from good_pngs()
    yield from good_jpegs()
    yield from good_others()
    yield from turned()
    yield from names()


def good_pngs() -> Iterator[Animal]:
    """PNG of every kind of pixel."""
    few = {bits: grey().astype(int) * ((1 << bits) - 1) // 255 for bits in (1, 2, 4)}
    for interlaced in (False, True):
        way = "interlaced " if interlaced else ""
        for bits, values in few.items():
            shown = rgb_of(values * 255 // ((1 << bits) - 1))
            data = png(values, bits=bits, interlaced=interlaced)
            yield image(f"{way}grey png of {bits} bits", data, shown)
        yield image(f"{way}grey png", png(grey(), interlaced=interlaced), rgb_of(grey()))
        yield image(f"{way}rgb png", png(scene(), interlaced=interlaced), scene())
        full = np.full((HEIGHT, WIDTH), 255, np.uint8)
        opaque = np.dstack([scene(), full])
        yield image(f"{way}opaque rgba png", png(opaque, interlaced=interlaced), scene())
        deep = grey().astype(np.uint16) * 257
        data = png(deep, bits=16, interlaced=interlaced)
        yield image(f"{way}grey png of 16 bits", data, rgb_of(grey()))
        deep = scene().astype(np.uint16) * 257
        yield image(f"{way}rgb png of 16 bits", png(deep, bits=16, interlaced=interlaced), scene())
    for bits in (1, 2, 4, 8):
        count = min(1 << bits, 200)
        colours = scene(1, count)[0]
        index = grey().astype(int) * (count - 1) // 255
        data = png(index, bits=bits, before=(palette_chunk(colours),))
        yield image(f"palette png of {bits} bits", data, colours[index])
    colours, index = scene(1, 16)[0], grey().astype(int) // 16
    alpha = np.linspace(0, 255, 16).astype(np.uint8)
    clear = (palette_chunk(colours), (b"tRNS", alpha.tobytes()))
    yield image(
        "palette png with transparency",
        png(index, bits=4, before=clear),
        on_black(colours[index], alpha[index]),
    )
    fading = grey()
    yield image("rgba png", png(np.dstack([scene(), fading])), on_black(scene(), fading))
    yield image("clear rgba png", png(np.dstack([scene(), fading * 0])), np.zeros_like(scene()))
    yield image(
        "grey png with alpha",
        png(np.dstack([grey(), fading])),
        on_black(rgb_of(grey()), fading),
    )
    first, other = Image.fromarray(scene()), Image.fromarray(255 - scene())
    animated = saved(first, "PNG", save_all=True, append_images=[other])
    yield image("animated png", animated, scene())
    yield image("png with a profile", saved(scene(), "PNG", icc_profile=b"anything"), scene())
    gamma = ((b"gAMA", struct.pack(">I", 45455)),)
    yield image("png with a gamma", png(scene(), before=gamma), scene())
    text = ((b"tEXt", b"Comment\0" + b"x" * 5000),)
    yield image("png with a long comment", png(scene(), before=text), scene())
    yield image("png with something behind it", png(scene()) + b"film" * 999, scene())
    for height, width in ((1, 1), (1, 300), (300, 1), (7, 11), (2, 2)):
        small = scene(height, width)
        yield image(f"png of {height} x {width}", png(small), small)


def good_jpegs() -> Iterator[Animal]:
    """JPEG of every kind."""
    forms: dict[str, dict[str, Any]] = {
        "jpeg": {},
        "progressive jpeg": {"progressive": True},
        "jpeg of quality 1": {"quality": 1},
        "jpeg of quality 100": {"quality": 100},
        "jpeg with whole colours": {"subsampling": 0},
        "jpeg with halved colours": {"subsampling": 2},
        "jpeg with restart marks": {"restart_marker_rows": 1},
        "optimised jpeg": {"optimize": True},
        "jpeg with a profile": {"icc_profile": b"anything"},
        "jpeg with a comment": {"comment": b"y" * 60_000},
        "jpeg with an end mark in its comment": {"comment": b"\xff\xd9\xff\xda"},
    }
    for name, settings in forms.items():
        data = saved(scene(), "JPEG", **settings)
        yield image(name, data, decoded(data), "a.jpg")
    for name, mode in (("grey jpeg", "L"), ("cmyk jpeg", "CMYK")):
        data = saved(Image.fromarray(scene()).convert(mode), "JPEG")
        yield image(name, data, decoded(data), "a.jpeg")
    plain = saved(scene(), "JPEG")
    yield image("jpeg with zeros behind it", plain + bytes(4000), decoded(plain), "a.jpg")
    small = saved(scene(1, 1), "JPEG")
    yield image("jpeg of one pixel", small, decoded(small), "a.jpg")
    yield image("jpeg called png", plain, decoded(plain), "a.png")
    yield image("png called jpg", png(scene()), scene(), "a.jpg")
    yield image("jpeg in capitals", plain, decoded(plain), "a.JPG")


def good_others() -> Iterator[Animal]:
    """BMP, TIFF and WebP."""
    yield image("bmp", saved(scene(), "BMP"), scene(), "a.bmp")
    yield image("grey bmp", saved(grey(), "BMP"), rgb_of(grey()), "a.bmp")
    bit = grey() > 99
    yield image("bmp of one bit", saved(Image.fromarray(bit), "BMP"), rgb_of(bit * 255), "a.bmp")
    for way in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "tiff_adobe_deflate"):
        data = saved(scene(), "TIFF", compression=way)
        yield image(f"tiff, {way}", data, scene(), "a.tif")
    yield image("grey tiff", saved(grey(), "TIFF"), rgb_of(grey()), "a.tiff")
    deep = Image.fromarray(grey().astype(np.uint16) * 257)
    yield image("tiff of 16 bits", saved(deep, "TIFF"), rgb_of(grey()), "a.tif")
    real = Image.fromarray((grey() / 255).astype(np.float32))
    yield image("tiff of floats", saved(real, "TIFF"), rgb_of(grey()), "a.tif")
    bits = saved(Image.fromarray(bit), "TIFF")
    yield image("tiff of one bit", bits, rgb_of(bit * 255), "a.tif")
    pages = saved(scene(), "TIFF", save_all=True, append_images=[Image.fromarray(255 - scene())])
    yield image("tiff of two pages", pages, scene(), "a.tif")
    inks = Image.fromarray(scene()).convert("CMYK")
    yield image("cmyk tiff", saved(inks, "TIFF"), np.asarray(inks.convert("RGB")), "a.tif")
    index = Image.fromarray(grey()).convert("P")
    yield image("palette tiff", saved(index, "TIFF"), rgb_of(grey()), "a.tif")
    yield image("tiff called png", saved(scene(), "TIFF"), scene(), "a.png")
    yield image("lossless webp", saved(scene(), "WEBP", lossless=True), scene(), "a.webp")
    lossy = saved(scene(), "WEBP")
    yield image("webp", lossy, decoded(lossy), "a.webp")
    moving = saved(
        scene(),
        "WEBP",
        lossless=True,
        save_all=True,
        append_images=[Image.fromarray(255 - scene())],
    )
    yield image("animated webp", moving, scene(), "a.webp")


def turned() -> Iterator[Animal]:
    """Every orientation in every format that has the tag."""
    turns: dict[int, Callable[[Array], Array]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: np.rot90,
    }
    for tag, turn in turns.items():
        exif = with_exif(tag)
        yield image(f"png turned by {tag}", saved(scene(), "PNG", exif=exif), turn(scene()))
        data = saved(scene(), "JPEG", exif=exif)
        yield image(f"jpeg turned by {tag}", data, turn(decoded(data)), "a.jpg")
        data = saved(scene(), "TIFF", tiffinfo={274: tag})
        yield image(f"tiff turned by {tag}", data, turn(scene()), "a.tif")
    for tag in (0, 9, 77):
        data = saved(scene(), "JPEG", exif=with_exif(tag))
        yield image(f"jpeg turned by {tag}, which is no turn", data, decoded(data), "a.jpg")


def names() -> Iterator[Animal]:
    """Good images under names that shells, terminals and encodings stumble over."""
    for name in (
        "a b.png",
        "a\nb.png",
        "-rf.png",
        "$(touch x).png",
        "a'b\"c.png",
        "a\\b.png",
        "\u043a\u043e\u0442.png",
        "e\u0301.png",
        "\U0001f600.png",
        "a%20b.png",
        "a[1].png",
        "\x1b[31mred.png",
        "a.b.c.png",
        "x" * 180 + ".png",
    ):
        yield Animal(f"name {name!a:.30}", name, content(png(scene())), scene())
