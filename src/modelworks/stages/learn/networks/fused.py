"""An encoder's answer mixed with that of bags of n-grams, which know spellings, tags and rare words of the data."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modelworks.stages.learn.networks.bag import BagClassifier
from modelworks.stages.learn.networks.encoder import TextClassifier, TextEncoder


class FusedClassifier(nn.Module):
    """Logits of both, mixed by `share` (0: the encoder alone). While training only the encoder answers, so that each
    learns all there is to learn; the bags are fitted once and stay as they are."""

    share: Tensor

    def __init__(self, classifier: TextClassifier, bags: BagClassifier) -> None:
        super().__init__()
        self.classifier, self.bags = classifier, bags.requires_grad_(False)
        self.register_buffer("share", torch.zeros(()))

    @property
    def encoder(self) -> TextEncoder:
        return self.classifier.encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor, ngrams: Tensor) -> dict[str, Tensor]:
        """Int64 [B, T] twice, int32 [B, G] -> logits float32 [B, C]."""
        logits = self.classifier(input_ids, attention_mask)["logits"]
        if self.training:
            return {"logits": logits}
        return {"logits": logits + self.share * (self.bags(ngrams)["logits"] - logits)}

    def features(self, input_ids: Tensor, attention_mask: Tensor, ngrams: Tensor) -> Tensor:
        """Float32 [B, D]: what the encoder's head reads."""
        return self.classifier.features(input_ids, attention_mask)
