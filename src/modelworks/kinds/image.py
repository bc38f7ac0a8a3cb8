"""A still picture as input."""

from __future__ import annotations

from modelworks.kinds import headers
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

    def extents(self) -> dict[str, int]:
        width, height = headers.size(self.image) or (0, 0)
        return {"bytes": len(self.image), "pixels": width * height}
