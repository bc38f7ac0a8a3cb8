"""Pictures: decoding, resizing, normalizing. A picture is uint8 [H, W, 3], RGB."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.core.errors import RequestError
from modelworks.kinds import headers

cv2.setNumThreads(1)  # the server's lanes and the trainer's workers are the threads
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # a broken picture is an error, not a line of log

_FORMATS = "JPEG, PNG, WebP, BMP, GIF or TIFF"
_INTERPOLATION = {
    "nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}  # fmt: skip


@op("image.decode.v1", rowwise=True)
def decode(tools: Tools, images: Sequence[bytes], *, max_pixels: int = 50_000_000) -> list[np.ndarray]:
    """Bytes of picture files -> uint8 [H, W, 3] RGB, turned as EXIF says; grey becomes three equal channels, alpha
    is dropped, 16 bits become 8.

    The size is read from the header first: RequestError 413 for more than `max_pixels`, before anything is
    decompressed; 422 for bytes that are no picture or break off."""
    return [open_image(image, max_pixels) for image in images]


def open_image(data: bytes, max_pixels: int = 50_000_000) -> np.ndarray:
    """One picture file as uint8 [H, W, 3] RGB; what `image.decode.v1` does to a row."""
    size = headers.size(data)
    if size is None:
        raise _broken(data, "this is not a picture of a known format")
    if min(size) < 1:
        raise _broken(data, "the picture has no pixels")
    if size[0] * size[1] > max_pixels:
        raise RequestError(
            "the picture is too large", status=413, where="image", seen=f"{size[0]} x {size[1]} pixels",
            allowed=f"at most {max_pixels} pixels", hint="scale it down before sending",
        )  # fmt: skip
    if not headers.whole(data):
        raise _broken(data, "the picture breaks off")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise _broken(data, "the picture cannot be decoded") from error
    if pixels is None:
        raise _broken(data, "the picture cannot be decoded")
    return np.ascontiguousarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def _broken(data: bytes, message: str) -> RequestError:
    seen = f"{len(data)} bytes that begin with {data[:8].hex(' ')}"
    return RequestError(message, status=422, where="image", seen=seen, allowed=_FORMATS)


@op("image.resize.v1", rowwise=True)
def resize(
    tools: Tools, images: Sequence[np.ndarray], *, height: int, width: int, mode: str = "stretch",
    interpolation: str = "linear", fill: int = 0, fraction: float = 1.0,
) -> list[np.ndarray]:  # fmt: skip
    """Pictures [H, W, 3] -> [height, width, 3].

    `stretch` ignores the proportions; `crop` keeps them and cuts the middle out (of which `fraction` of the longest
    fitting cut is kept: 0.875 is the usual cut of ImageNet); `pad` keeps them and fills the rest with `fill`, the
    picture in the middle. Pictures are enlarged by `interpolation` (nearest, linear, cubic, area, lanczos) and made
    smaller by averaging areas, which does not alias (but for `nearest`, which is nearest both ways)."""
    fit = {"stretch": _stretch, "crop": _crop, "pad": _pad}[mode]
    method = _INTERPOLATION[interpolation]
    return [fit(image, height, width, method, fill, fraction) for image in images]


def _stretch(image: np.ndarray, height: int, width: int, method: int, fill: int, fraction: float) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    smaller = image.shape[0] > height or image.shape[1] > width
    if smaller and method != cv2.INTER_NEAREST:
        method = cv2.INTER_AREA
    return np.asarray(cv2.resize(image, (width, height), interpolation=method))


def _crop(image: np.ndarray, height: int, width: int, method: int, fill: int, fraction: float) -> np.ndarray:
    share = fraction * min(image.shape[0] / height, image.shape[1] / width)
    tall, wide = max(1, round(height * share)), max(1, round(width * share))
    top, left = (image.shape[0] - tall) // 2, (image.shape[1] - wide) // 2
    return _stretch(image[top : top + tall, left : left + wide], height, width, method, fill, fraction)


def _pad(image: np.ndarray, height: int, width: int, method: int, fill: int, fraction: float) -> np.ndarray:
    share = min(height / image.shape[0], width / image.shape[1])
    tall, wide = max(1, round(image.shape[0] * share)), max(1, round(image.shape[1] * share))
    top, left = (height - tall) // 2, (width - wide) // 2
    padded = np.full((height, width, 3), fill, dtype=np.uint8)
    padded[top : top + tall, left : left + wide] = _stretch(image, tall, wide, method, fill, fraction)
    return padded


@op("image.normalize.v1", rowwise=True)
def normalize(
    tools: Tools, images: Sequence[np.ndarray], *, mean: Sequence[float], std: Sequence[float]
) -> list[np.ndarray]:
    """Pictures uint8 [H, W, 3] -> float32 [3, H, W]: (value / 255 - mean) / std for each channel."""
    deviation = np.array(std, dtype=np.float64)
    scale = (1 / (255 * deviation)).astype(np.float32)[:, None, None]
    shift = (-np.array(mean, dtype=np.float64) / deviation).astype(np.float32)[:, None, None]
    planes = [np.multiply(np.ascontiguousarray(image.transpose(2, 0, 1)), scale) for image in images]
    return [np.add(plane, shift, out=plane) for plane in planes]
