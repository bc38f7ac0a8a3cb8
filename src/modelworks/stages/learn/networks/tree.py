"""Networks of a parser: characters to the ends of words and sentences, words to tags and trees.

The parser is that of Dozat & Manning (2017), Deep Biaffine Attention for Neural Dependency Parsing: arcs and relations
by biaffine products over encoded words, here with tags, features and lemma scripts from the same encoder."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from modelworks.ops.parse import PLACES, POINTS
from modelworks.stages.learn.networks.encoder import SHAPES, TextEncoder

LAYERS = ("upos", "xpos", "feats", "scripts")
_DILATIONS = (1, 2, 4, 8, 16)
"""Of the segmenter: it sees 31 characters to either side."""


def table(size: int, width: int) -> nn.Embedding:
    """Embeddings whose number 0 is nothing."""
    made = nn.Embedding(size, width, padding_idx=0)
    nn.init.normal_(made.weight, std=0.1)
    with torch.no_grad():
        made.weight[0].zero_()
    return made


class Segmenter(nn.Module):
    """Characters -> what ends at each; gated dilated convolutions (Dauphin et al. 2017)."""

    def __init__(self, classes: int, *, buckets: int, width: int, dropout: float, word_dropout: float) -> None:
        super().__init__()
        self.word_dropout = word_dropout
        self.character, self.word = table(POINTS, 32), table(buckets + 1, 32)
        self.shape, self.place = table(SHAPES, 8), table(PLACES, 8)
        self.inward, self.dropout = nn.Linear(80, width), nn.Dropout(dropout)
        self.convolutions = nn.ModuleList(nn.Linear(3 * width, 2 * width) for _ in _DILATIONS)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in _DILATIONS)
        self.head = nn.Linear(width, classes)

    def forward(self, points: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Int64 [B, T, 4] of `parse.points.v1` and the mask [B, T] -> float32 `logits` [B, T, classes]."""
        words = points[..., 1]
        if self.training:
            words = words * (torch.rand(words.shape, device=words.device) > self.word_dropout)
        parts = (
            self.character(points[..., 0]),
            self.word(words),
            self.shape(points[..., 2]),
            self.place(points[..., 3]),
        )
        hidden = self.inward(self.dropout(torch.cat(parts, -1)))
        shown = attention_mask.unsqueeze(-1).to(hidden.dtype)
        for convolution, norm, reach in zip(self.convolutions, self.norms, _DILATIONS, strict=True):
            value, gate = convolution(_neighbours(norm(hidden) * shown, reach)).chunk(2, -1)
            hidden = hidden + self.dropout(value * torch.sigmoid(gate))
        return {"logits": self.head(hidden)}


def _neighbours(x: Tensor, reach: int) -> Tensor:
    """Each position [B, T, D] between those `reach` before and behind it: [B, T, 3 D]. A matrix product over it is a
    dilated convolution whose sums, unlike those of convolution kernels, do not depend on T."""
    length = x.shape[1]
    wide = nn.functional.pad(x, (0, 0, reach, reach))
    return torch.cat([wide[:, :length], x, wide[:, 2 * reach : 2 * reach + length]], -1)


class Words(nn.Module):
    """What a word looks like: its id, hashed letters, shape."""

    def __init__(self, *, words: int, buckets: int, width: int, dropout: float, word_dropout: float) -> None:
        super().__init__()
        self.word_dropout, self.width = word_dropout, 2 * width + 16
        self.word, self.gram, self.shape = table(words, width), table(buckets + 1, width), table(SHAPES, 16)
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor, grams: Tensor, shapes: Tensor) -> Tensor:
        """Int64 [B, L], [B, L, G], [B, L] -> float32 [B, L, width]."""
        if self.training:
            hidden = (torch.rand(words.shape, device=words.device) < self.word_dropout) & (words > 0)
            words = torch.where(hidden, 1, words)
            grams = grams * (torch.rand(grams.shape, device=grams.device) > 0.1)
        some = (grams > 0).sum(2, keepdim=True).clamp(min=1).to(torch.float32)
        letters = self.gram(grams).sum(2) / some.sqrt()
        return torch.as_tensor(self.dropout(torch.cat([self.word(words), letters, self.shape(shapes)], -1)))


class Both(nn.Module):
    """Two LSTMs over padded rows as if each row were alone: the second reads each row's own end first."""

    def __init__(self, inward: int, hidden: int) -> None:
        super().__init__()
        self.forwards = nn.LSTM(inward, hidden, batch_first=True)
        self.backwards = nn.LSTM(inward, hidden, batch_first=True)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        steps = torch.arange(x.shape[1], device=x.device)
        turned = mask.sum(1, keepdim=True) - 1 - steps
        order = torch.where(turned >= 0, turned, steps).unsqueeze(-1)
        ahead, _ = self.forwards(x)
        behind, _ = self.backwards(x.gather(1, order.expand(-1, -1, x.shape[2])))
        return torch.cat([ahead, behind.gather(1, order.expand(-1, -1, behind.shape[2]))], -1)


class SharedDropout(nn.Module):
    """Dropout with one mask for all positions of a row (Gal & Ghahramani 2016)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, D] -> the same."""
        if not self.training or not self.share:
            return x
        kept = torch.rand(x.shape[0], 1, x.shape[2], device=x.device) >= self.share
        return x * kept.to(x.dtype) / (1 - self.share)


class Recurrent(nn.Module):
    """The compact encoder: words -> LSTMs in both directions."""

    def __init__(self, words: Words, *, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.words, self.dropout, self.width = words, SharedDropout(dropout), 2 * hidden
        widths = [words.width, *[2 * hidden] * (layers - 1)]
        self.layers = nn.ModuleList(Both(width, hidden) for width in widths)

    def forward(self, feeds: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """`words`, `grams`, `shapes`, `attention_mask` -> encoded words [B, L, width] and their looks."""
        looks = x = self.words(feeds["words"], feeds["grams"], feeds["shapes"])
        for number, layer in enumerate(self.layers):
            x = layer(self.dropout(x) if number else x, feeds["attention_mask"])
        return x, looks


class Contextual(nn.Module):
    """The pretrained encoder: each word the mean of its subwords. What the words look like, letter case above all, is
    added to the subwords and put beside the words."""

    def __init__(self, encoder: TextEncoder, words: Words) -> None:
        super().__init__()
        self.encoder, self.words = encoder, words
        self.inward = nn.Linear(words.width, encoder.width)
        nn.init.normal_(self.inward.weight, std=0.002)
        nn.init.zeros_(self.inward.bias)
        self.width = encoder.width

    def forward(self, feeds: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """`input_ids`, `owners`, `subword_mask` int64 [B, S] and the feeds of `Recurrent` -> the same."""
        looks = self.words(feeds["words"], feeds["grams"], feeds["shapes"])
        numbers = torch.arange(looks.shape[1], device=looks.device).unsqueeze(1) + 1
        of_words = (feeds["owners"].unsqueeze(1) == numbers).to(torch.float32)
        extra = of_words.transpose(1, 2) @ self.inward(looks).float()
        states = self.encoder(feeds["input_ids"], feeds["subword_mask"], extra).float()
        encoded = (of_words @ states) / of_words.sum(2, keepdim=True).clamp(min=1)
        return encoded * feeds["attention_mask"].unsqueeze(-1), looks


class Parser(nn.Module):
    """Words -> tags, features, lemma scripts, scores of arcs, and what relations are read from."""

    def __init__(
        self, encoder: Recurrent | Contextual, sizes: Mapping[str, int], *, arc: int, relation: int, tag: int,
        dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.encoder, self.dropout = encoder, SharedDropout(dropout)
        width, seen = encoder.width, encoder.width + encoder.words.width
        self.tagged, self.lemmatized = nn.Linear(seen, tag), nn.Linear(seen, tag)
        self.heads = nn.ModuleDict({layer: nn.Linear(tag, sizes[layer]) for layer in LAYERS})
        self.root = nn.Parameter(torch.randn(1, 1, width) * 0.1)
        self.dependent, self.governor = nn.Linear(width, arc), nn.Linear(width, arc)
        self.arcs, self.bias = nn.Parameter(torch.empty(arc, arc)), nn.Linear(arc, 1, bias=False)
        nn.init.orthogonal_(self.arcs)
        self.labelled, self.labelling = nn.Linear(width, relation), nn.Linear(width, relation)

    def forward(self, **feeds: Tensor) -> dict[str, Tensor]:
        """The encoder's feeds -> `upos`, `xpos`, `feats`, `scripts` int64 [B, L] (in training logits [B, L, C]), `arcs`
        float32 [B, L+1, L+1] (dependent, head; 0 is the root), `dependents`, `governors` [B, L+1, K]."""
        encoded, looks = self.encoder(feeds)
        out = self._layers(torch.cat([encoded, looks], -1))
        nodes = torch.cat([self.root.expand(encoded.shape[0], -1, -1).to(encoded.dtype), encoded], 1)
        nodes = self.dropout(nodes)
        below, above = self._shaped(self.dependent, nodes), self._shaped(self.governor, nodes)
        out["arcs"] = (below @ self.arcs) @ above.transpose(1, 2) + self.bias(above).transpose(1, 2)
        out["dependents"], out["governors"] = self._shaped(self.labelled, nodes), self._shaped(self.labelling, nodes)
        return out

    def _shaped(self, layer: nn.Module, x: Tensor) -> Tensor:
        shaped: Tensor = self.dropout(torch.relu(layer(x)))
        return shaped

    def _layers(self, seen: Tensor) -> dict[str, Tensor]:
        seen = self.dropout(seen)
        hidden = {"scripts": self._shaped(self.lemmatized, seen)}
        tagged = self._shaped(self.tagged, seen)
        logits = {layer: self.heads[layer](hidden.get(layer, tagged)) for layer in LAYERS}
        return logits if self.training else {layer: scores.argmax(-1) for layer, scores in logits.items()}


class Relations(nn.Module):
    """Relations of chosen arcs, biaffine."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.width, self.classes = width + 1, classes
        self.weight = nn.Parameter(torch.randn(self.width, classes * self.width) * 0.05)

    def forward(self, dependents: Tensor, governors: Tensor) -> dict[str, Tensor]:
        """Float32 [N, K] twice -> `logits` [N, R]."""
        one = torch.ones_like(dependents[:, :1])
        below, above = torch.cat([dependents, one], 1), torch.cat([governors, one], 1)
        product = (below @ self.weight).reshape(-1, self.classes, self.width)
        return {"logits": (product @ above.unsqueeze(2)).squeeze(2)}


class TreeNetwork(nn.Module):
    """All three, trained in one."""

    def __init__(self, segmenter: Segmenter, parser: Parser, relations: Relations) -> None:
        super().__init__()
        self.segmenter, self.parser, self.relations = segmenter, parser, relations

    def forward(self, **feeds: Tensor) -> dict[str, Tensor]:
        """The segmenter's feeds as `points`, `points_mask`; the parser's; `heads` int64 [B, L] (-100 in the filling).
        Gives what the parser leaves, `cuts` [B, T, C] and `relations` [B, L, R] of the right arcs."""
        cuts = self.segmenter(feeds.pop("points"), feeds.pop("points_mask"))["logits"]
        heads = feeds.pop("heads")
        out: dict[str, Tensor] = self.parser(**feeds)
        governors = out["governors"]
        chosen = governors.gather(1, heads.clamp(min=0).unsqueeze(-1).expand(-1, -1, governors.shape[2]))
        pairs = (out["dependents"][:, 1:].flatten(0, 1), chosen.flatten(0, 1))
        relations = self.relations(*pairs)["logits"]
        return {**out, "cuts": cuts, "relations": relations.unflatten(0, heads.shape)}
