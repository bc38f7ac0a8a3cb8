"""Sizes of picture files from their first bytes, so that an image bomb is refused before it is decompressed."""

from __future__ import annotations

import struct


def size(data: bytes) -> tuple[int, int] | None:
    """(width, height) as the header says; None when the format is not known or the header breaks off."""
    try:
        for magic, read in _READERS:
            if data.startswith(magic):
                return read(data)
    except (struct.error, IndexError):
        return None
    return None


def whole(data: bytes) -> bool:
    """Whether a JPEG or PNG has its end; decoders fill a missing rest with grey and say nothing."""
    if data.startswith(b"\xff\xd8"):
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    if data.startswith(b"\x89PNG"):
        return data.rfind(b"IEND") > 0
    return True


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp(data: bytes) -> tuple[int, int]:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)


def _jpeg(data: bytes) -> tuple[int, int] | None:
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None


def _webp(data: bytes) -> tuple[int, int] | None:
    form = data[12:16]
    if form == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if form == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _tiff(data: bytes) -> tuple[int, int] | None:
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack_from(f"{order}I", data, 4)[0]
    found: dict[int, int] = {}
    for entry in range(struct.unpack_from(f"{order}H", data, at)[0]):
        tag, kind, _, value = struct.unpack_from(f"{order}HHI4s", data, at + 2 + 12 * entry)
        if tag in (256, 257):
            found[tag] = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", value)[0]
    return (found[256], found[257]) if len(found) == 2 else None


_READERS = (
    (b"\x89PNG\r\n\x1a\n", _png), (b"\xff\xd8", _jpeg), (b"GIF8", _gif), (b"BM", _bmp), (b"RIFF", _webp),
    (b"II*\0", _tiff), (b"MM\0*", _tiff),
)  # fmt: skip
