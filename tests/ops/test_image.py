"""Pictures: every format, every way of being broken."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.contracts import op as ops
from modelworks.core.errors import RequestError
from modelworks.kinds import headers


def run(name, *inputs, **params):
    return ops.find(name).run(None, *inputs, **params)


def decode(data, **params):
    return run("image.decode.v1", [data], **params)[0]


def encode(suffix, pixels, *options):
    return cv2.imencode(suffix, pixels, list(options))[1].tobytes()


def gradient(height=20, width=30):
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 90)], axis=-1).astype(np.uint8)


RGB = gradient()
BGR = RGB[..., ::-1]
SUFFIXES = [".png", ".bmp", ".tiff", ".webp", ".jpg", ".gif"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_decodes_to_rgb(suffix):
    data = encode(suffix, BGR)
    pixels = decode(data)
    assert pixels.shape == RGB.shape
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    error = np.abs(pixels.astype(int) - RGB).mean()
    assert error == 0 if suffix in (".png", ".bmp", ".tiff") else error < 25
    assert headers.size(data) == (30, 20)


@pytest.mark.parametrize("lossless", [True, False])
def test_both_forms_of_webp_tell_their_size(lossless):
    data = encode(".webp", BGR, cv2.IMWRITE_WEBP_QUALITY, 101 if lossless else 50)
    assert data[12:16] == (b"VP8L" if lossless else b"VP8 ")
    assert headers.size(data) == (30, 20)


def test_extended_webp_and_old_bmp_headers():
    extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + (29).to_bytes(3, "little") + (19).to_bytes(3, "little")
    assert headers.size(extended) == (30, 20)
    assert headers.size(b"BM" + bytes(12) + struct.pack("<IHH", 12, 30, 20)) == (30, 20)
    assert headers.size(b"BM" + bytes(12) + struct.pack("<Iii", 40, 30, -20)) == (30, 20)


def test_grey_alpha_and_sixteen_bits_become_rgb():
    grey = decode(encode(".png", RGB[..., 0]))
    assert np.array_equal(grey, np.repeat(RGB[..., :1], 3, axis=-1))
    alpha = decode(encode(".png", np.dstack([BGR, np.full(BGR.shape[:2], 7, np.uint8)])))
    assert np.array_equal(alpha, RGB)
    assert np.array_equal(decode(encode(".png", BGR.astype(np.uint16) * 257)), RGB)


def with_orientation(data, orientation):
    """The JPEG with an EXIF block that holds the orientation tag alone."""
    tiff = struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    block = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]


def test_pictures_are_turned_as_exif_says():
    flat = np.zeros((16, 32, 3), np.uint8)
    flat[:, :16] = 255
    data = encode(".jpg", flat, cv2.IMWRITE_JPEG_QUALITY, 100)
    turned = decode(with_orientation(data, 6))  # turn by 90 degrees clockwise
    assert turned.shape == (32, 16, 3)
    assert turned[:14].min() > 200
    assert turned[18:].max() < 50
    upside_down = decode(with_orientation(data, 3))
    assert upside_down[:, 18:].min() > 200


def bomb(width, height):
    """A valid PNG header that promises more pixels than its bytes could hold."""
    chunk = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + b"IHDR" + chunk + struct.pack(">I", zlib.crc32(b"IHDR" + chunk))
    body = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", len(body)) + b"IDAT" + body + bytes(4) + b"IEND"


def test_an_image_bomb_is_refused_before_it_is_decompressed():
    tracemalloc.start()
    with pytest.raises(RequestError, match="too large") as caught:
        decode(bomb(100_000, 100_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.status == 413
    assert "100000 x 100000" in str(caught.value)
    assert "50000000" in str(caught.value)
    assert peak < 1_000_000


def test_the_limit_is_a_parameter():
    data = encode(".png", BGR)
    assert decode(data, max_pixels=600).shape == RGB.shape
    with pytest.raises(RequestError):
        decode(data, max_pixels=599)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"hello", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF1234WEBPVP8 ", b"II*\0\xff\xff\xff\xff", b"BM",
        b"GIF89a", bomb(0, 5), bomb(5, 5)[:60],
    ],
)  # fmt: skip
def test_broken_pictures_are_refused_with_what_was_seen(data):
    with pytest.raises(RequestError) as caught:
        decode(data)
    assert caught.value.status == 422
    assert f"{len(data)} bytes" in str(caught.value)
    assert "JPEG" in str(caught.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_picture_that_breaks_off_is_refused_not_filled_with_grey(suffix, share):
    data = encode(suffix, np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    with pytest.raises(RequestError, match=r"breaks off|cannot be decoded"):
        decode(data[: int(len(data) * share)])


def test_the_end_of_a_file_is_looked_for_because_not_every_decoder_does():
    jpeg, png = encode(".jpg", BGR), encode(".png", BGR)
    assert headers.whole(jpeg)
    assert headers.whole(png)
    assert headers.whole(jpeg + b"padding of some cameras")
    assert not headers.whole(jpeg[:-2])
    assert not headers.whole(png[:-12])
    thumbnail = with_orientation(jpeg, 1)[:40] + b"\xff\xd9" + jpeg[2:-2]  # the end mark of a preview is not the end
    assert not headers.whole(thumbnail)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SUFFIXES), st.data())
def test_damaged_pictures_decode_or_are_refused_and_nothing_else(suffix, data):
    damaged = bytearray(encode(suffix, BGR))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, min(len(damaged) - 1, 200)))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RequestError):
        pixels = decode(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]), max_pixels=1_000_000)
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert pixels.shape[0] * pixels.shape[1] <= 1_000_000


# resizing

SIZES = st.integers(1, 40)


@settings(max_examples=100, deadline=None)
@given(
    SIZES,
    SIZES,
    SIZES,
    SIZES,
    st.sampled_from(["stretch", "crop", "pad"]),
    st.sampled_from(["nearest", "linear", "cubic", "area", "lanczos"]),
)
def test_the_size_is_as_asked_and_a_flat_colour_stays(height, width, tall, wide, mode, interpolation):
    flat = np.full((height, width, 3), (200, 100, 50), np.uint8)
    found = run("image.resize.v1", [flat], height=tall, width=wide, mode=mode, interpolation=interpolation, fill=0)[0]
    assert found.shape == (tall, wide, 3)
    assert found.dtype == np.uint8
    inside = found[found.any(axis=-1)]
    assert len(inside)
    assert (np.abs(inside.astype(int) - (200, 100, 50)) <= 1).all()


@pytest.mark.parametrize("mode", ["stretch", "crop", "pad"])
def test_a_picture_of_the_right_size_stays_as_it_is(mode):
    assert np.array_equal(run("image.resize.v1", [RGB], height=20, width=30, mode=mode)[0], RGB)


def test_crop_takes_the_middle_and_pad_keeps_all():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 255
    assert run("image.resize.v1", [wide], height=10, width=10, mode="crop")[0].min() == 255
    padded = run("image.resize.v1", [wide], height=30, width=30, mode="pad", fill=7)[0]
    assert (padded[:10] == 7).all()
    assert (padded[20:] == 7).all()
    assert (padded[10:20] == wide).all()


def test_a_fraction_crops_closer():
    target = np.zeros((100, 100, 3), np.uint8)
    target[6:94, 6:94] = 255
    assert run("image.resize.v1", [target], height=50, width=50, mode="crop")[0].min() == 0
    assert run("image.resize.v1", [target], height=50, width=50, mode="crop", fraction=0.875)[0].min() == 255


@pytest.mark.parametrize("interpolation", ["linear", "cubic", "area", "lanczos"])
def test_shrinking_averages_instead_of_skipping(interpolation):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::4] = 255
    small = run("image.resize.v1", [stripes], height=8, width=8, interpolation=interpolation)[0]
    assert np.abs(small.astype(int) - 64).max() <= 1


# normalizing


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000))
def test_normalizing_is_the_formula_and_can_be_undone(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    planes = run("image.normalize.v1", [pixels], mean=mean.tolist(), std=std.tolist())[0]
    assert planes.dtype == np.float32
    assert planes.shape == (3, 5, 7)
    assert np.allclose(planes, ((pixels / 255 - mean) / std).transpose(2, 0, 1), atol=1e-5)
    back = (planes.transpose(1, 2, 0) * std + mean) * 255
    assert np.array_equal(np.rint(back), pixels)


def test_opencv_keeps_to_one_thread():
    assert cv2.getNumThreads() == 1
