import msgspec
import pytest

from modelworks.core.config import Project, Serve, load_project, parse_project, percent, seconds, serve_of, setting
from modelworks.core.errors import ConfigError

BASE = "name: a\ntask: ner\ndata: {source: x}\n"


def fault(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_project(text)
    return caught.value


def test_defaults_are_the_meaning_of_leaving_out() -> None:
    written = parse_project(BASE + "train: {budget: 15m, seed: 0}\noptimize: {for: latency, keep: 99%}\n")
    assert written == parse_project(BASE)


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        (BASE + "train:\n  modle: compact\n", 5, "train.model"),
        (BASE + "optimise: {}\n", 4, "optimize"),
        ("name: a\ntask: b\ndata:\n  source: x\n  colums: {}\n", 5, "data.columns"),
        (BASE + "train:\n  tune:\n    trails: 3\n", 6, "train.tune.trials"),
    ],
)
def test_unknown_key_names_line_and_nearest(text: str, line: int, hint: str) -> None:
    error = fault(text)
    assert f":{line}" in error.where
    assert f"did you mean {hint}?" in str(error)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: a\ntask: b\ndata:\n  source: x\n  test: 1.5\n", 5),
        (BASE + "serve: {port: 70000}\n", 4),
        (BASE + "optimize:\n  for: beauty\n", 5),
        ("name: a\ndata: {source: x}\n", 1),
    ],
)
def test_wrong_value_names_the_line(text: str, line: int) -> None:
    assert f":{line}" in fault(text).where


def test_broken_yaml_names_the_line() -> None:
    assert ":2" in fault("name: [a\n").where


@pytest.mark.parametrize("text", ["", "- a\n", "just words"])
def test_not_a_mapping(text: str) -> None:
    assert "mapping" in str(fault(text))


def test_yaml_cannot_make_objects() -> None:
    assert "YAML" in str(fault("name: !!python/object/apply:os.system ['true']\n"))


def test_overrides() -> None:
    assert parse_project(BASE, overrides=("train.seed=3", "gate.entity_f1='>= 0.4'")).train.seed == 3
    for override, words in (("train.sed=3", "did you mean"), ("nothing", "KEY=VALUE"), ("name.x=3", "no mapping")):
        with pytest.raises(ConfigError, match=words):
            parse_project(BASE, overrides=(override,))


def test_a_setting_is_read_as_the_file_would_be() -> None:
    read = dict(map(setting, ("a=3", "b=[1, x]", 'c={"d": true}', "e=>= 0.4", "f=", "g=h=i")))
    assert read == {"a": 3, "b": [1, "x"], "c": {"d": True}, "e": ">= 0.4", "f": None, "g": "h=i"}
    for text in ("a", "=3", ""):
        with pytest.raises(ConfigError, match="KEY=VALUE"):
            setting(text)


def test_durations_and_shares() -> None:
    assert [seconds(t) for t in ("90s", "15m", "2h", "7")] == [90, 900, 7200, 7]
    assert [percent(t) for t in ("99%", "0.99", "100%")] == [0.99, 0.99, 1.0]
    for bad in ("", "1d", "-3m"):
        with pytest.raises(ConfigError):
            seconds(bad)
    for bad in ("0", "101%", "x"):
        with pytest.raises(ConfigError):
            percent(bad)


def test_missing_file(tmp_path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_project(tmp_path)


def test_schema_can_be_published() -> None:
    assert "properties" in str(msgspec.json.schema(Project))


def test_an_override_that_is_no_yaml_is_text() -> None:
    text = "name: a\ntask: sentiment-analysis\ndata: {source: x.csv}\n"
    assert parse_project(text, overrides=("gate.accuracy=>= 0.4",)).gate == {"accuracy": ">= 0.4"}


def test_the_server_settings_of_an_environment_replace_only_what_they_name() -> None:
    project = Serve(port=9000, queue=7)
    assert serve_of("", project, where="X") == project
    assert serve_of('{"port": 1, "lanes": 2}', project, where="X") == Serve(port=1, queue=7, lanes=2)


@pytest.mark.parametrize("text", ["{", "[]", '{"prt": 1}', '{"port": "1"}', '{"port": 70000}', '{"streams": 0}'])
def test_server_settings_that_make_no_sense_are_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match="not the server's settings") as caught:
        serve_of(text, Serve(), where="MODELWORKS_SERVE")
    assert caught.value.where == "MODELWORKS_SERVE"
    assert "port" in caught.value.allowed
