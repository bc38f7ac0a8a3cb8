"""A still picture as input."""

from __future__ import annotations

from modelworks.kinds.base import Kind, kind


@kind("image")
class Image(Kind, frozen=True):
    """An encoded picture (JPEG, PNG, WebP, BMP, TIFF), as the bytes of its file; base64 in JSON."""

    image: bytes

    def check(self) -> None:
        if not self.image:
            raise ValueError("the image is empty")

    def size(self) -> int:
        return len(self.image)
