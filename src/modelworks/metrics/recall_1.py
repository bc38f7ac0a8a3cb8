"""Recall at 1: the share of a query's relevant documents among its first 1."""

from functools import partial

from modelworks.metrics._ranking import ranking, recall

METRIC = ranking("recall_1", "recall_1|depth:1|relevant:grade>0|unjudged:not-relevant|v1", partial(recall, depth=1))
