"""Grafana: dashboards (service, model, data, release) made with Grafana's own Foundation SDK, and provisioning."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from modelworks.adapters.targets._dashboards import BOARDS, Board, Panel
from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import MARK, Facts, File, Target
from modelworks.core import registry
from modelworks.core.errors import ConfigError

_SOURCE = """\
apiVersion: 1
datasources:
  - name: Prometheus (<<name>>)
    uid: <<uid>>
    type: prometheus
    access: proxy
    url: <<url>>
    jsonData: {httpMethod: POST, timeInterval: 15s}
"""
_PROVIDER = """\
apiVersion: 1
providers:
  - name: modelworks-<<name>>
    folder: Modelworks
    type: file
    allowUiUpdates: false
    options: {path: <<folder>>}
"""
_RELEASED = 'sum(increase(modelworks_swaps_total{<<s>>,result="done"}[1m])) > 0'
_FIRING = 'ALERTS{alertstate="firing",job=~"$job"}'
_COMMON = {"s": 'job=~"$job",model=~"$model"', "r": "$__rate_interval"}


def _sdk(name: str) -> Any:
    return registry.load(f"grafana_foundation_sdk.{name}")


def _uid(what: str, name: str) -> str:
    """Grafana's identifiers have at most 40 characters."""
    return f"mw-{what}-{name}"[:40]


def _prometheus() -> Any:
    return _sdk("models.dashboard:DataSourceRef")(type_val="prometheus", uid="$datasource")


def _board(board: Board, facts: Facts, values: dict[str, str]) -> str:
    name = facts.name
    made = _sdk("builders.dashboard:Dashboard")(f"{name}: {board.name}").uid(_uid(board.name, name))
    made.description(f"{board.words} ({MARK} grafana` for {name}; do not edit)").tags(["modelworks", name])
    made.readonly().refresh("30s").time("now-3h", "now").timezone("browser")
    made.tooltip(_sdk("models.dashboard:DashboardCursorSync").CROSSHAIR)
    for variable in _variables(name):
        made.with_variable(variable)
    made.annotation(_annotation("Releases", _RELEASED, "blue")).annotation(_annotation("Alerts", _FIRING, "red"))
    for link in _links(facts.options["report"]):
        made.link(link)
    for panel in board.panels:
        made.with_panel(_panel(panel, values))
    text = _sdk("builders.text:Panel")().title("What to do").content(board.todo)
    made.with_panel(text.mode(_sdk("models.text:TextMode").MARKDOWN).span(24).height(5))
    encoder = _sdk("cog.encoder:JSONEncoder")
    return fill(json.dumps(made.build(), cls=encoder, indent=2, sort_keys=True, ensure_ascii=False), **values) + "\n"


def _variables(name: str) -> list[Any]:
    source = _sdk("builders.dashboard:DatasourceVariable")("datasource").label("Prometheus").type("prometheus")
    option, refresh = _sdk("models.dashboard:VariableOption"), _sdk("models.dashboard:VariableRefresh")
    found = [source.current(option(text=f"Prometheus ({name})", value=_uid("prometheus", name)))]
    for variable, query in (
        ("job", "label_values(modelworks_model_info, job)"),
        ("model", 'label_values(modelworks_model_info{job=~"$job"}, model)'),
    ):
        made = _sdk("builders.dashboard:QueryVariable")(variable).query(query).datasource(_prometheus())
        made.current(option(text=name, value=name)).multi(True).include_all(True)
        found.append(made.refresh(refresh.ON_TIME_RANGE_CHANGED))
    return found


def _annotation(name: str, query: str, colour: str) -> Any:
    made = _sdk("builders.dashboard:AnnotationQuery")().name(name).datasource(_prometheus()).enable(True)
    return made.icon_color(colour).expr(fill(query, **_COMMON))


def _links(report: str) -> list[Any]:
    link, kinds = _sdk("builders.dashboard:DashboardLink"), _sdk("models.dashboard:DashboardLinkType")
    others = link("Modelworks").type(kinds.DASHBOARDS).tags(["modelworks"]).include_vars(True).keep_time(True)
    if not report:
        return [others]
    return [others, link("Report of the gate").type(kinds.LINK).url(report).icon("doc").target_blank(True)]


def _panel(panel: Panel, values: dict[str, str]) -> Any:
    made = _sdk(f"builders.{panel.kind}:Panel")().title(panel.title).description(panel.words)
    made.datasource(_prometheus()).unit(panel.unit).span(panel.width).height(4 if panel.kind == "stat" else 8)
    for number, (query, legend) in enumerate(panel.queries):
        made.with_target(_query(panel, query, legend, "ABCDEF"[number]))
    if panel.kind == "timeseries" and panel.least is not None:
        made.min(panel.least)
    if panel.most is not None:
        made.max(panel.most)
    made.thresholds(_thresholds([(float(fill(value, **values)), colour) for value, colour in panel.steps]))
    if panel.kind == "timeseries" and panel.steps:
        mode = _sdk("models.common:GraphThresholdsStyleMode").DASHED
        made.thresholds_style(_sdk("builders.common:GraphThresholdsStyleConfig")().mode(mode))
    if panel.kind == "table":
        hidden = {"Time": True, "Value": True, "__name__": True}
        transform = _sdk("models.dashboard:DataTransformerConfig")
        made.with_transformation(transform(id_val="organize", options={"excludeByName": hidden}))
    if panel.kind == "stat" and panel.queries[0][1]:
        made.text_mode(_sdk("models.common:BigValueTextMode").NAME)
    return made


def _query(panel: Panel, query: str, legend: str, letter: str) -> Any:
    made = _sdk("builders.prometheus:Dataquery")().expr(fill(query, **_COMMON)).ref_id(letter).datasource(_prometheus())
    if panel.kind == "table":
        return made.instant().format(_sdk("models.prometheus:PromQueryFormat").TABLE)
    return (made.range() if panel.kind == "timeseries" else made.instant()).legend_format(legend or "__auto")


def _thresholds(steps: Sequence[tuple[float, str]]) -> Any:
    """Steps from what is normal on; where the first step is the green one, less is bad."""
    threshold, mode = _sdk("models.dashboard:Threshold"), _sdk("models.dashboard:ThresholdsMode").ABSOLUTE
    following = [*(value for value, _ in steps[1:]), math.inf]
    steps = [step for step, after in zip(steps, following, strict=False) if step[0] < after]
    below = "red" if "green" in [colour for _, colour in steps] else "green"
    made = [threshold(value=None, color=below), *(threshold(value=value, color=colour) for value, colour in steps)]
    return _sdk("builders.dashboard:ThresholdsConfig")().mode(mode).steps(made)


def _files(facts: Facts) -> tuple[File, ...]:
    days = _number(facts.options, "days")
    for name in ("drift", "errors", "seconds", "quality"):
        _number(facts.options, name)
    ages = {"seconds_yellow": f"{days * 43200:.0f}", "seconds_red": f"{days * 86400:.0f}"}
    values = {"name": facts.name, "uid": _uid("prometheus", facts.name), **_COMMON, **facts.options, **ages}
    top, place = head(facts, "grafana"), "deploy/grafana"
    return (
        *(File(path=f"{place}/dashboards/{b.name}.json", text=_board(b, facts, values)) for b in BOARDS),
        File(path=f"{place}/provisioning/datasources/modelworks.yml", text=top + fill(_SOURCE, **values)),
        File(path=f"{place}/provisioning/dashboards/modelworks.yml", text=top + fill(_PROVIDER, **values)),
    )


def _number(options: Any, name: str) -> float:
    try:
        return float(options[name])
    except ValueError as error:
        raise ConfigError("not a number", where=f"--set {name}", seen=options[name], allowed="a number") from error


TARGET = Target(
    name="grafana",
    summary="Grafana: dashboards of service, model, data and release, with provisioning.",
    files=_files,
    options={
        "url": "http://127.0.0.1:9090", "folder": "/etc/grafana/modelworks", "report": "", "errors": "0.05",
        "seconds": "1", "drift": "0.25", "quality": "0.05", "days": "90",
    },
    next_="mount deploy/grafana/provisioning at Grafana's provisioning folder, and dashboards at the `folder` option.",
)  # fmt: skip
