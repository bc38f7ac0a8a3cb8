"""What the dashboards show, as data: a question, its query, and from where on it is yellow or red.

`<<s>>` stands for the chosen job and model, `<<r>>` for the rate's interval; other names are options of the target.
"""

from __future__ import annotations

from dataclasses import dataclass

Steps = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. `queries`: (expression, legend)."""

    title: str
    words: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    unit: str = "short"
    steps: Steps = ()
    """(from which value on, colour); below the first it is green, or red where the first colour is green."""
    width: int = 8
    least: float | None = 0
    most: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    name: str
    words: str
    panels: tuple[Panel, ...]
    todo: str
    """Markdown: what to do when it is red."""


def stat(title: str, words: str, query: str, unit: str = "short", steps: Steps = (), legend: str = "") -> Panel:
    """One number, six to a row."""
    return Panel(title=title, words=words, queries=((query, legend),), kind="stat", unit=unit, steps=steps, width=4)


_REQUESTS = "sum(rate(modelworks_requests_total{<<s>>}[<<r>>]))"
_REJECTED = "rate(modelworks_rejected_total{<<s>>}[<<r>>])"
_FAILED = 'sum(rate(modelworks_requests_total{<<s>>,status=~"5.."}[<<r>>]))'
_ERRORS = f"({_FAILED} or vector(0)) / {_REQUESTS}"


def _quantile(share: str, name: str = "request_seconds") -> str:
    return f"histogram_quantile({share}, sum by (le) (rate(modelworks_{name}_bucket{{<<s>>}}[<<r>>])))"


def _mean(name: str) -> str:
    sums = (f"sum(rate(modelworks_{name}_{part}{{<<s>>}}[<<r>>]))" for part in ("sum", "count"))
    return " / ".join(sums)


_QUEUE = "sum(modelworks_inputs_in_flight{<<s>>}) / sum(modelworks_inputs_most{<<s>>})"
_SINCE = "modelworks_release_timestamp_seconds{<<s>>}"
_AGE = f"time() - max({_SINCE})"
_CHANGE = "avg(modelworks_quality_change_estimated{<<s>>})"
_DRIFT = Panel(
    title="Drift by feature", unit="none", width=12, steps=(("0.1", "yellow"), ("<<drift>>", "red")),
    words="Population stability index of the last answers against the bundle's profile, mean of the replicas. 0.1 is a "
    "small shift, 0.25 a large one. Nothing is shown before 200 answers, or for a bundle without a profile.",
    queries=(("avg by (feature) (modelworks_drift{<<s>>})", "{{feature}}"),),
)  # fmt: skip

SERVICE = Board(
    name="service", words="Does it answer, how fast, and how near to full is it?",
    panels=(
        stat("Up", "Servers that answer Prometheus, of those it looks at.", "avg(up{<<s>>})", "percentunit",
             (("0.5", "yellow"), ("1", "green"))),
        stat("Requests", "Answered requests a second, whatever the status.", _REQUESTS, "reqps"),
        stat("Errors", "Share of answers 5xx. ModelErrors pages beyond <<errors>>.", _ERRORS, "percentunit",
             (("0.01", "yellow"), ("<<errors>>", "red"))),
        stat("95 % latency", "From whole request to answer. ModelSlow opens a ticket beyond <<seconds>> s.",
             _quantile("0.95"), "s", (("<<seconds>>", "red"),)),
        stat("Queue", "Share of the inputs that may wait or run (serve.queue) that are there.", _QUEUE, "percentunit",
             (("0.5", "yellow"), ("0.8", "red"))),
        stat("Newest release answers", "0: a newer release did not open, and the old one goes on. /readyz says why.",
             "min(modelworks_newest_bundle_serves{<<s>>})", "bool_yes_no", (("1", "green"),)),
        Panel(title="Requests by status", words="By HTTP status; 429 and 503 are refusals under load.", unit="reqps",
              queries=(("sum by (status) (rate(modelworks_requests_total{<<s>>}[<<r>>]))", "{{status}}"),)),
        Panel(title="Latency", words="Quantiles over all routes.", unit="s", steps=(("<<seconds>>", "red"),),
              queries=tuple((_quantile(share), f"{name} %") for share, name in
                            (("0.5", "50"), ("0.95", "95"), ("0.99", "99")))),
        Panel(title="Where the time goes", words="Mean of a batch: its oldest row's wait, row-wise preparation, graph.",
              unit="s", queries=tuple((_mean(f"{name}_seconds"), name) for name in ("queue", "prepare", "model"))),
        Panel(title="Refused", words="By admission: too large (413), queue full (429), past the deadline (503).",
              unit="reqps",
              queries=((f"sum by (reason) ({_REJECTED}) or vector(0)", "{{reason}}"),)),
        Panel(title="Queue", words="Share of the inputs that may wait or run. ModelNearlyFull from 80 % on.", most=1,
              unit="percentunit", steps=(("0.5", "yellow"), ("0.8", "red")), queries=((_QUEUE, "queue"),)),
        Panel(title="Batches and padding", words="Rows of a batch; and the share of the model's work that is padding.",
              queries=((_mean("batch_rows"), "rows"), (
                  "1 - sum(rate(modelworks_length_useful_total{<<s>>}[<<r>>]))"
                  " / sum(rate(modelworks_length_padded_total{<<s>>}[<<r>>]))", "padding, share"))),
        Panel(title="CPU", words="Cores that a server uses; lanes (serve.lanes) bound it.", unit="none",
              queries=(("rate(process_cpu_seconds_total{<<s>>}[<<r>>])", "{{instance}}"),)),
        Panel(title="Memory", words="Resident memory of a server.", unit="bytes",
              queries=(("process_resident_memory_bytes{<<s>>}", "{{instance}}"),)),
        Panel(title="Connections and answers in pieces", words="Open connections, and streams on their way.",
              queries=(("sum(modelworks_connections{<<s>>})", "connections"),
                       ("sum(modelworks_streams{<<s>>})", "streams"))),
    ),
    todo="- **Down**: look at its log, start it again; `modelworks serve` says what is wrong with a bundle.\n"
    "- **Errors or slow since a release** (line in the graphs): `modelworks release rollback`.\n"
    "- **Slow or full under load**: more replicas, `modelworks serve --lanes N`, or a faster variant: "
    "`modelworks optimize champion`.",
)  # fmt: skip

MODEL = Board(
    name="model", words="Which model answers, how good it was when released, and what it says now.",
    panels=(
        Panel(title="What answers", words="A line a server.", kind="table", width=24,
              queries=(("modelworks_model_info{<<s>>}", ""),)),
        Panel(title="Scores at release", kind="bargauge", width=12, least=None, unit="none",
              words="On the test split, with the interval of its report. Measured once, not in service.",
              queries=(("max by (metric) (modelworks_score{<<s>>})", "{{metric}}"),
                       ("max by (metric) (modelworks_score_low{<<s>>})", "{{metric}}, low"),
                       ("max by (metric) (modelworks_score_high{<<s>>})", "{{metric}}, high"))),
        Panel(title="Estimated change of quality", width=12, unit="percentunit", least=None,
              steps=(("-<<quality>>", "yellow"), ("0", "green")),
              words="Mean score of the answers now, less that of the profile. Where scores are calibrated chances this "
              "estimates how the share of right decisions changed. No truth is known here: label some to be sure.",
              queries=((_CHANGE, "change"),)),
        Panel(title="Sureness", words="Mean score of the answers, and that of the profile.", unit="none", width=12,
              queries=(("avg(modelworks_answer_score_mean{<<s>>})", "now"),
                       ("avg(modelworks_answer_score_reference{<<s>>})", "profile"))),
        Panel(title="Labels now, and in the profile", kind="bargauge", width=12, unit="percentunit", most=1,
              words="Share of the twenty commonest labels among the last answers.",
              queries=(("avg by (label) (modelworks_label_ratio{<<s>>})", "{{label}}"),
                       ("avg by (label) (modelworks_label_reference_ratio{<<s>>})", "{{label}}, profile"))),
        Panel(title="Commonest answer", words="Its share of the last answers. 1: it says the same to everything.",
              unit="percentunit", width=12, most=1, steps=(("0.99", "red"),),
              queries=(("max(modelworks_answers_commonest_ratio{<<s>>})", "share"),)),
        Panel(title="Different answers", words="As a person reads them. ModelConstantOutput pages at 1.",
              width=12, steps=(("2", "green"),), queries=(("max(modelworks_answers_distinct{<<s>>})", "answers"),)),
    ),
    todo="- **Quality seems down**: label some of `.modelworks/records`, then `modelworks evaluate champion FILES`; "
    "`modelworks compare` tells two bundles apart.\n"
    "- **Constant answers**: `modelworks bundle verify champion`, then `modelworks release rollback`.\n"
    "- What the model is: `modelworks bundle show champion`.",
)  # fmt: skip

DATA = Board(
    name="data", words="Is what comes in like what the model was made with?",
    panels=(
        stat("Largest drift", "Of all features. ModelDrift opens a ticket beyond <<drift>>.",
             "max(avg by (feature) (modelworks_drift{<<s>>}))", "none", (("0.1", "yellow"), ("<<drift>>", "red"))),
        stat("Answers looked at", "In all windows; drift is spoken of from 200 a server on.",
             "sum(modelworks_watched_answers{<<s>>})", "short", (("200", "green"),)),
        stat("Window", "How far back the oldest window goes.", "max(modelworks_watched_seconds{<<s>>})", "s"),
        stat("Different sizes", "Of inputs in a window; 1 means that one probe asks the same again and again.",
             "max(modelworks_sizes_distinct{<<s>>})"),
        stat("Mean length", "What a row has for the model (tokens, where the program has a length).",
             "sum(rate(modelworks_length_useful_total{<<s>>}[<<r>>]))"
             " / sum(rate(modelworks_batch_rows_sum{<<s>>}[<<r>>]))",
             "none"),
        stat("Refused inputs", "Answers 4xx a second: wrong shape, too large, not readable.",
             'sum(rate(modelworks_requests_total{<<s>>,status=~"4.."}[<<r>>])) or vector(0)', "reqps"),
        _DRIFT,
        Panel(title="Drift less chance", width=12, unit="none", least=None, steps=(("0", "yellow"),),
              words="The index less what chance alone reaches once in a thousand: below 0 there is nothing to see.",
              queries=(("avg by (feature) (modelworks_drift{<<s>>} - modelworks_drift_noise{<<s>>})", "{{feature}}"),)),
        Panel(title="Labels over time", words="Share of each label among the last answers.", unit="percentunit", most=1,
              width=24, queries=(("avg by (label) (modelworks_label_ratio{<<s>>})", "{{label}}"),)),
    ),
    todo="- **size** drifts: longer or shorter inputs; **labels**, **items**: other answers; **score**: less sure.\n"
    "- Look at `.modelworks/records`; label some, `modelworks data import` checks them, "
    "`modelworks evaluate champion FILES` says whether it matters, `modelworks run` makes a release of them.\n"
    "- What changed between two datasets: `modelworks data diff`.",
)  # fmt: skip

RELEASE = Board(
    name="release", words="Which release answers, since when, and whether the last change went well.",
    panels=(
        stat("Release", "Its number in modelworks.lock.", "max by (version) (modelworks_release_info{<<s>>})", "none",
             legend="{{version}}"),
        stat("Age", "Since it was made. ModelStale opens a ticket after <<days>> days.", _AGE, "s",
             (("<<seconds_yellow>>", "yellow"), ("<<seconds_red>>", "red"))),
        stat("Servers on it", "Servers with the newest release, of all.",
             f"count({_SINCE} == scalar(max({_SINCE}))) / count({_SINCE})", "percentunit", (("1", "green"),)),
        stat("Newest release answers", "0: a newer one did not open. /readyz says why.",
             "min(modelworks_newest_bundle_serves{<<s>>})", "bool_yes_no", (("1", "green"),)),
        stat("Changes", "Of the model while serving, in the time shown.",
             'sum(increase(modelworks_swaps_total{<<s>>,result="done"}[$__range]))', "short"),
        stat("Failed changes", "A release that did not open. ModelSwapFailed opens a ticket.",
             'sum(increase(modelworks_swaps_total{<<s>>,result="failed"}[$__range]))', "short", (("1", "red"),)),
        Panel(title="Releases", words="Number, dataset, the champion it was compared with, name in the registry.",
              kind="table", width=24, queries=(("modelworks_release_info{<<s>>}", ""),)),
        Panel(title="Servers by version", words="During a roll-out two versions answer side by side.", width=12,
              queries=(("count by (version) (modelworks_model_info{<<s>>})", "{{version}}"),)),
        Panel(title="Scores", words="Of the release that answers; a step is a change of release.",
              width=12, unit="none", least=None,
              queries=(("max by (metric) (modelworks_score{<<s>>})", "{{metric}}"),)),
        Panel(title="Errors around changes", words="Share of answers 5xx.", unit="percentunit", width=12,
              steps=(("<<errors>>", "red"),), queries=((_ERRORS, "errors"),)),
        Panel(title="Latency around changes", words="95 %.", unit="s", width=12, steps=(("<<seconds>>", "red"),),
              queries=((_quantile("0.95"), "95 %"),)),
    ),
    todo="- **Worse since a change**: `modelworks release rollback`; servers follow within a second.\n"
    "- Which there are: `modelworks release list`; why none was made: `modelworks why release`, and the gate's "
    "`report.html` in the verdict's artifact.\n"
    "- **It did not open**: `modelworks bundle verify champion`.",
)  # fmt: skip

BOARDS = (SERVICE, MODEL, DATA, RELEASE)
