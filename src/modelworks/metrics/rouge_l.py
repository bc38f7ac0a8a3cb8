"""Longest common subsequence of words (Lin 2004)."""

from modelworks.metrics._rouge import longest, metric

METRIC = metric("rouge_l", longest)
