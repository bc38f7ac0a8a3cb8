"""Shared words (Lin 2004)."""

from modelworks.metrics._rouge import metric, overlap

METRIC = metric("rouge_1", overlap(1))
