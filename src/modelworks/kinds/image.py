"""A still picture as input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from modelworks.kinds import headers
from modelworks.kinds.base import Kind, kind


@kind("image")
class Image(Kind, frozen=True):
    """An encoded picture (JPEG, PNG, WebP, BMP, TIFF), as the bytes of its file; base64 in JSON."""

    media: ClassVar[tuple[str, ...]] = ("image/*",)
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "image": ("image", "img", "picture", "photo", "image_path", "file_name", "filename", "file", "path"),
    }
    opened: ClassVar[Mapping[str, str]] = {"image": "image.decode.v1"}
    pipeline: ClassVar[Mapping[str, str]] = {"labels": "image-classification"}
    sample: ClassVar[Mapping[str, Any]] = {
        "image": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    }
    """A picture of one pixel."""

    image: bytes

    @classmethod
    def raw(cls, data: bytes) -> Self:
        return cls(data)

    def check(self) -> None:
        if not self.image:
            raise ValueError("the image is empty")

    def size(self) -> int:
        return len(self.image)

    def extents(self) -> dict[str, int]:
        width, height = headers.size(self.image) or (0, 0)
        return {"bytes": len(self.image), "pixels": width * height}

    def as_text(self) -> str:
        width, height = headers.size(self.image) or (0, 0)
        return f"picture of {width} x {height} pixels"
