"""From a picture to the network's answer: what every network of pictures shares."""

from __future__ import annotations

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call


def body(height: int, width: int, interpolation: str = "cubic") -> Body:
    """Decode, resize to `height` x `width`, stack as uint8 [B, H, W, 3], and one graph that gives `logits`."""
    params = {"height": height, "width": width, "interpolation": interpolation}
    return Body(
        shape="image",
        before=(
            Call(op="image.decode.v1", inputs=("image",), outputs=("decoded",)),
            Call(op="image.resize.v1", inputs=("decoded",), outputs=("resized",), params=params),
        ),
        after=(
            Call(op="batch.stack.v1", inputs=("resized",), outputs=("pixels",)),
            Call(graph="model", inputs=("pixels",), outputs=("logits",)),
        ),
    )
