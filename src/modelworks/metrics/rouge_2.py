"""Shared pairs of words (Lin 2004)."""

from modelworks.metrics._rouge import metric, overlap

METRIC = metric("rouge_2", overlap(2))
