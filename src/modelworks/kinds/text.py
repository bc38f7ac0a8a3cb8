"""Text as input."""

from modelworks.kinds.base import Kind, kind


@kind("text")
class Text(Kind, frozen=True):
    """Raw text as the user has it. Offsets elsewhere count its Unicode code points."""

    text: str

    def size(self) -> int:
        return len(self.text)

    def extents(self) -> dict[str, int]:
        return {"characters": len(self.text)}
