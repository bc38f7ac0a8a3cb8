"""Mean reciprocal rank of the first relevant document among 10."""

from functools import partial

from modelworks.metrics._ranking import ranking, reciprocal

METRIC = ranking("mrr_10", "mrr_10|depth:10|relevant:grade>0|unjudged:not-relevant|v1", partial(reciprocal, depth=10))
