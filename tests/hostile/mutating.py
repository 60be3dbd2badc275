"""Files made a little wrong: by bytes, and by what is known of their format."""

from __future__ import annotations

import io
import json
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from documents import BIDI, ESCAPE, FORGED, resealed

Mutate = Callable[[bytes, Random], bytes]

TOKENS: tuple[bytes, ...] = (
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1", b"0", b"null", b"true", b"[]", b"{}"),
    *(b"1" * 50, b"9" * 5_000, b"\\ud800", b"\\u0000", b"\0", b"\xff\xfe", b"\xed\xa0\x80"),
    *(b"[" * 100, b"{" * 100, b"[" * 5_000, b'{"a":' * 200, b"&a *a", b"<<: ", b"!!python/none "),
    *(b"../../outside", b"/etc/passwd", b"~nobody", b".", b"..", b"2020-99-99", b".inf", b".nan"),
    *(b"\r", b"\t", b"  ", b"- ", b"? ", b": ", b"---\n", b"# ", b"%", b"|", b">", b"'", b'"'),
    *(ESCAPE.encode(), BIDI.encode(), FORGED.encode(), b"(a+)+$", b"x" * 70_000),
)
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**40, 0.5, -0.0, 1e308, 1e-320, "", "a", "0"),
    *([], {}, [[]], ["a"], {"a": 1}, ".", "..", "../x", "/etc/passwd", ESCAPE, BIDI, FORGED),
    *("a\0b", "\ud800", "x" * 100_000, "nan", "1e999", "<script>", "auto", [0] * 2_000),
)


def by_bytes(data: bytes, dice: Random) -> bytes:
    """One to four changes of bytes, wherever they fall."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(changed) + 1)
        length = dice.choice((1, 1, 2, 4, 8, 64, 500))
        match dice.randrange(7):
            case 0 if changed:
                changed[at % len(changed)] ^= 1 << dice.randrange(8)
            case 1:
                changed[at:at] = dice.choice(TOKENS)
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = bytes(changed[at : at + length]) * dice.choice((1, 2, 50))
            case 4:
                changed[at : at + length] = dice.randbytes(length)
            case 5:
                changed[at : at + 4] = dice.choice(
                    (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80")
                )
            case _:
                del changed[at:]
    return bytes(changed)


def by_values(data: bytes, dice: Random, *, seal: Callable[[Any], Any] = resealed) -> bytes:
    """Another value, key or order somewhere in a JSON document, with its digest made right."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return by_bytes(data, dice)
    for _ in range(dice.choice((1, 1, 2, 3))):
        document = _changed_somewhere(document, dice)
    try:
        if dice.random() < 0.9:
            document = seal(document)
        text = json.dumps(document)
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
        return by_bytes(data, dice)
    if dice.random() < 0.1:
        text = text.replace('": ', f'": {dice.choice(("NaN", "1e999", "1" * 45, "[" * 90))}', 1)
    return text.encode("utf-8", "surrogatepass")


def _changed_somewhere(value: Any, dice: Random) -> Any:
    if isinstance(value, dict) and value and dice.random() < 0.85:
        key = dice.choice(list(value))
        match dice.randrange(8):
            case 0:
                return {k: v for k, v in value.items() if k != key}
            case 1:
                return {**value, dice.choice(("a", ESCAPE, "", "0", *list(value))): value[key]}
            case _:
                return {**value, key: _changed_somewhere(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.85:
        at = dice.randrange(len(value))
        match dice.randrange(6):
            case 0:
                return [*value[:at], *value[at + 1 :]]
            case 1:
                return [*value, value[at]] * dice.choice((1, 2, 20))
            case _:
                return [*value[:at], _changed_somewhere(value[at], dice), *value[at + 1 :]]
    if isinstance(value, int | float) and not isinstance(value, bool) and dice.random() < 0.5:
        return dice.choice(
            (-value, value * 1_000, value + 1, value * 10**12, value // 3, str(value))
        )
    return dice.choice(ODD)


def by_lines(data: bytes, dice: Random) -> bytes:
    """Lines of a text moved, doubled, indented or ended by something else."""
    lines = data.split(b"\n")
    at = dice.randrange(len(lines))
    match dice.randrange(6):
        case 0:
            lines.insert(at, dice.choice(lines))
        case 1:
            lines[at] = b"  " * dice.randrange(3) + lines[at]
        case 2:
            key, mark, _ = lines[at].partition(b":")
            lines[at] = key + mark + b" " + dice.choice(TOKENS)
        case 3:
            lines[at : at + 1] = [lines[at]] * dice.choice((2, 100, 5_000))
        case 4:
            del lines[at]
        case _:
            return by_bytes(data, dice)
    return b"\n".join(lines)


def by_records(data: bytes, dice: Random, inner: Mutate = by_values) -> bytes:
    """One record of an archive changed, renamed, doubled, dropped or packed."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            records = [(name, archive.read(name)) for name in archive.namelist()]
    except Exception:
        return by_bytes(data, dice)
    if not records or dice.random() < 0.2:
        return by_bytes(data, dice)
    at = dice.randrange(len(records))
    name, content = records[at]
    match dice.randrange(8):
        case 0:
            records[at] = (name + dice.choice(("x", "/x", "/../x", "\0", "")), content)
        case 1:
            records.insert(dice.randrange(len(records) + 1), (name, content))
        case 2:
            del records[at]
        case 3:
            records[at] = (name, by_bytes(content, dice))
        case _:
            texts = [n for n, (_, c) in enumerate(records) if c[:1] in b"{["] or [at]
            chosen = dice.choice(texts)
            records[chosen] = (records[chosen][0], inner(records[chosen][1], dice))
    return _packed(records, dice)


def _packed(records: Sequence[tuple[str, bytes]], dice: Random) -> bytes:
    import warnings

    stream = io.BytesIO()
    how = zipfile.ZIP_DEFLATED if dice.random() < 0.1 else zipfile.ZIP_STORED
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", how) as archive:
        warnings.simplefilter("ignore")
        for name, content in records:
            archive.writestr(zipfile.ZipInfo(name or "x"), content)
    return stream.getvalue()


def by_opcodes(data: bytes, dice: Random) -> bytes:
    """Opcodes of a pickle moved, doubled, dropped, exchanged or put in, wherever it begins."""
    start = max(data.find(b"\x80\x02"), 0)
    try:
        places = [at for _, _, at in pickletools.genops(data[start:])]
    except Exception:
        return by_bytes(data, dice)
    pieces = [
        data[start + one : start + two]
        for one, two in zip(places, [*places[1:], places[-1] + 1], strict=True)
    ]
    rest = data[start + places[-1] + 1 :]
    for _ in range(dice.choice((1, 1, 2, 4))):
        at = dice.randrange(len(pieces))
        match dice.randrange(5):
            case 0:
                del pieces[at]
                pieces = pieces or [b"."]
            case 1:
                pieces.insert(at, dice.choice(pieces))
            case 2:
                pieces[at] = dice.choice(pieces)
            case 3:
                pieces.insert(at, dice.choice(_OPCODES))
            case _:
                pieces[at] = by_bytes(pieces[at], dice)
    return data[:start] + b"".join(pieces) + rest


_OPCODES = (
    *(b"0", b"1", b"2", b"(", b")", b"]", b"}", b"a", b"b", b"d", b"e", b"l", b"o", b"s", b"t"),
    *(b"u", b"R", b"\x81", b"\x85", b"\x86", b"\x87", b"\x88", b"\x89", b"N", b"Q", b"\x93"),
    *(b"\x94", b"\x8f", b"\x90", b"\x91", b"\x92", b"K\x00", b"K\xff", b"J\xff\xff\xff\xff"),
    *(b"h\x00", b"q\x00", b"r\xff\xff\xff\x7f", b"j\xff\xff\xff\xff", b"\x8a\x01\x80", b"Finf\n"),
    *(b"Fnan\n", b"I01\n", b"X\x03\x00\x00\x00abc", b"X\xff\xff\xff\xff", b"cos\nsystem\n", b"."),
    *(b"G\x7f\xf0\x00\x00\x00\x00\x00\x00", b"\x95\x04\x00\x00\x00\x00\x00\x00\x00", b"\x80\x05"),
)


def by_chunks(data: bytes, dice: Random) -> bytes:
    """Chunks of a PNG changed, with checksums made right; other formats by bytes."""
    if not data.startswith(b"\x89PNG"):
        return by_bytes(data, dice)
    chunks, at = [], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return by_bytes(data, dice)
    index = dice.randrange(len(chunks))
    kind, body = chunks[index]
    match dice.randrange(7):
        case 0:
            chunks.insert(index, dice.choice(chunks))
        case 1:
            del chunks[index]
        case 2:
            chunks[index] = (dice.choice((b"tRNS", b"PLTE", b"acTL", b"zTXt", b"IDAT")), body)
        case 3 if body[:1]:
            chunks[index] = (kind, zlib.compress(by_bytes(_unpacked(body), dice)))
        case 4 if kind == b"IHDR":
            values = list(struct.unpack(">IIBBBBB", body[:13])) if len(body) >= 13 else [1] * 7
            values[dice.randrange(7)] = dice.choice((0, 1, 2, 3, 4, 6, 16, 60, 9_000, 2**31 - 1))
            chunks[index] = (
                kind,
                struct.pack(">IIBBBBB", *(v % 256 if i > 1 else v for i, v in enumerate(values))),
            )
        case _:
            chunks[index] = (kind, by_bytes(body, dice))
    return data[:8] + b"".join(
        struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks
    )


def _unpacked(body: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(body, 1 << 20)
    except zlib.error:
        return body


def by_header(data: bytes, dice: Random) -> bytes:
    """The JSON header of a safetensors file changed, its length made right most times."""
    size = int.from_bytes(data[:8], "little")
    if size > len(data) or dice.random() < 0.3:
        return by_bytes(data, dice)
    header = by_values(data[8 : 8 + size], dice, seal=lambda value: value)
    length = len(header) if dice.random() < 0.9 else dice.choice((0, 1 << 40, len(header) + 8))
    return struct.pack("<Q", length) + header + data[8 + size :]


def by_fields(data: bytes, dice: Random) -> bytes:
    """A field somewhere in an ONNX model changed, dropped or doubled."""
    import onnx

    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
        for _ in range(dice.choice((1, 1, 2, 3))):
            _change_field(model, dice)
        return bytes(model.SerializeToString())
    except Exception:
        return by_bytes(data, dice)


def _change_field(message: Any, dice: Random) -> None:
    while True:
        fields = message.ListFields()
        if not fields:
            return
        descriptor, value = dice.choice(fields)
        inner = _inside(value, dice)
        if inner is None:
            break
        message = inner
    if hasattr(value, "extend"):
        _change_list(value, dice)
    elif hasattr(value, "ListFields"):
        message.ClearField(descriptor.name)
    else:
        setattr(message, descriptor.name, _other(value, dice))


def _inside(value: Any, dice: Random) -> Any:
    """A message in which the change is to be made; None where it is to be made here."""
    if hasattr(value, "ListFields"):
        return value if dice.random() < 0.9 else None
    if hasattr(value, "extend") and len(value) and hasattr(value[0], "ListFields"):
        return dice.choice(value) if dice.random() < 0.7 else None
    return None


def _change_list(values: Any, dice: Random) -> None:
    if not len(values):
        return
    if hasattr(values[0], "ListFields"):
        if dice.random() < 0.5:
            del values[dice.randrange(len(values))]
        else:
            values.add().CopyFrom(dice.choice(values))
    elif isinstance(values[0], int) and dice.random() < 0.7:
        values[dice.randrange(len(values))] = dice.choice((-1, 0, 1, 7, 2**31 - 1, 2**40))
    else:
        values.extend([dice.choice(list(values))] * dice.choice((1, 3)))


def _other(value: Any, dice: Random) -> Any:
    """Another value of the same kind."""
    if isinstance(value, int):
        return dice.choice((-1, 0, 1, 2, 9, 99, 2**31 - 1, value + 1))
    if isinstance(value, float):
        return dice.choice((0.0, -1.0, 1e30, float("nan")))
    if isinstance(value, bytes):
        return by_bytes(value[:100_000], dice)
    return dice.choice(("", "x", ESCAPE, "../x", value + "x"))
