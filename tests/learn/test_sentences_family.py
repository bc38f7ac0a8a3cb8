"""The family that scores the sentences of a text: what the encoder is taught, and that it learns it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modelworks.contracts.family import Front
from modelworks.stages.learn.families import sentences

FACTS = {"positions": 64, "first": 1, "last": 2, "pad": 0}


def test_the_encoder_is_taught_the_gains_as_they_are():
    front = Front(body=sentences._encoder_body(FACTS, sentences.Pretrained()), resources=())
    rows = [
        {"ids": np.array([5, 6, 7, 8]), "owners": np.array([0, 0, 1, 2]), "labels": np.array([0.25, 0.0, 0.75])},
        {"ids": np.array([9]), "owners": np.array([0]), "labels": np.array([0.5])},
    ]
    labels = sentences.FAMILY.collate(rows, front)["labels"]
    assert labels.is_floating_point()
    assert labels[:, :3].tolist() == [[0.25, 0.0, 0.75], [0.5, -1, -1]]


@pytest.mark.parametrize("best", [0, 2])
def test_the_loss_is_least_where_the_logits_are_the_gains(best):
    gains = torch.tensor([[0.1, 0.2, 0.1, -1.0]])
    gains[0, best] = 0.9
    told = torch.where(gains >= 0, gains / 0.1, 0.0)
    right, even = (float(sentences._choice(logits, gains, 0.1)) for logits in (told, torch.zeros(1, 4)))
    assert right < 0.1 < even
