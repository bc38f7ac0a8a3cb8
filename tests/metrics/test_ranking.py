"""Rankings scored as trec_eval scores them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.contracts import metric as metrics
from modelworks.kinds import Hit, Hits, Relevant

NAMES = {"recall_1": "recall_1", "recall_5": "recall_5", "recall_10": "recall_10", "ndcg_10": "ndcg_cut_10"}
QUERY = st.tuples(
    st.dictionaries(st.sampled_from([f"d{n}" for n in range(20)]), st.integers(-1, 4), min_size=1),
    st.permutations([f"d{n}" for n in range(20)]).flatmap(
        lambda order: st.integers(0, 20).map(lambda count: order[:count])
    ),
)  # fmt: skip


def score(name: str, queries: list[tuple[dict[str, int], list[str]]]) -> float:
    metric = metrics.find(name)
    statistics = [
        metric.statistics(Relevant(judged), Hits(tuple(Hit(one, 0.5, "", "", 0) for one in ranked)), ())
        for judged, ranked in queries
    ]
    return float(metric.score(statistics, np.ones((1, len(statistics))))[0])


@settings(deadline=None, max_examples=50)
@given(st.lists(QUERY, min_size=1, max_size=5))
def test_as_trec_eval(queries: list[tuple[dict[str, int], list[str]]]) -> None:
    trec = pytest.importorskip("pytrec_eval")
    judged = {f"q{n}": grades for n, (grades, _) in enumerate(queries)}
    run = {f"q{n}": {one: 1.0 / (i + 1) for i, one in enumerate(ranked)} for n, (_, ranked) in enumerate(queries)}
    measures = {"recall.1,5,10", "ndcg_cut.10", "recip_rank"}
    found = trec.RelevanceEvaluator({q: judged[q] for q in judged if run[q]}, measures).evaluate(
        {q: ranked for q, ranked in run.items() if ranked}
    )
    for ours, theirs in NAMES.items():
        values = [
            found.get(q, {}).get(theirs, 0.0)
            for q, grades in judged.items()
            if any(grade > 0 for grade in grades.values())
        ]
        expected = sum(values) / len(values) if values else np.nan
        assert score(ours, queries) == pytest.approx(expected, nan_ok=True)


def test_the_first_relevant_document_decides_the_reciprocal_rank() -> None:
    assert score("mrr_10", [({"a": 1}, ["x", "a"]), ({"b": 2}, ["b"]), ({"c": 1}, ["x"])]) == pytest.approx(0.5)


def test_queries_without_relevant_documents_are_left_out() -> None:
    assert score("recall_5", [({"a": 0}, ["a"]), ({"b": 1}, ["b"])]) == 1
