"""Recall at 5: the share of a query's relevant documents among its first 5."""

from functools import partial

from modelworks.metrics._ranking import ranking, recall

METRIC = ranking("recall_5", "recall_5|depth:5|relevant:grade>0|unjudged:not-relevant|v1", partial(recall, depth=5))
