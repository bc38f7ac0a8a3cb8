"""Checks of one example, besides those its format and its kinds make."""

from __future__ import annotations

import unicodedata

from modelworks.contracts.format import Bad
from modelworks.core.errors import RequestError
from modelworks.kinds import Example, Image, Kind, Spans, Text


def fault(example: Example) -> Bad | None:
    """Why an example cannot be used, or None. Images are decoded whole, by the operation that serves them."""
    if isinstance(example.input, Image):
        return _image(example.input, example.where)
    if isinstance(example.input, Text):
        return _text(example.input.text, example.target, example.where)
    return None


def _image(image: Image, where: str) -> Bad | None:
    from modelworks.ops.image import open_image

    try:
        open_image(image.image)
    except RequestError as error:
        allowed = error.allowed if isinstance(error.allowed, str) else ", ".join(error.allowed)
        return Bad(where, error.message, str(error.seen or ""), allowed)
    return None


def _text(text: str, target: Kind | None, where: str) -> Bad | None:
    if not text.strip():
        return Bad(where, "the text is empty", allowed="at least one character that is no white space")
    if isinstance(target, Spans) and target.spans and target.spans[-1].end > len(text):
        span = target.spans[-1]
        return Bad(
            where, "a span reaches past the end of the text", f"[{span.start}, {span.end})", f"at most {len(text)}"
        )
    return None


def normal(value: Kind) -> Kind:
    """What makes two inputs the same example: a text up to composition and white space, anything else exactly."""
    if isinstance(value, Text):
        return Text(" ".join(unicodedata.normalize("NFC", value.text).split()))
    return value
