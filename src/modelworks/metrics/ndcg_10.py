"""Normalized discounted cumulative gain of the first 10 documents."""

from functools import partial

from modelworks.metrics._ranking import ndcg, ranking

METRIC = ranking(
    "ndcg_10", "ndcg_10|depth:10|gain:grade|discount:log2|unjudged:not-relevant|v1", partial(ndcg, depth=10)
)
