"""Recall at 10: the share of a query's relevant documents among its first 10."""

from functools import partial

from modelworks.metrics._ranking import ranking, recall

METRIC = ranking("recall_10", "recall_10|depth:10|relevant:grade>0|unjudged:not-relevant|v1", partial(recall, depth=10))
