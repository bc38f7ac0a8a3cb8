"""`modelworks.yaml`: one project, checked whole before anything runs; every fault at once, each with its line.

The structs below are the schema (`modelworks init` writes them commented; docs/reference hold the JSON Schema).
Defaults are part of the meaning: a project that leaves a key out and one that writes its default are the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from modelworks.core.errors import ConfigError
from modelworks.core.keys import keys_of, line_of, refuse_unknown

FILE = "modelworks.yaml"
Fraction = Annotated[float, Meta(gt=0, lt=1)]


class Data(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where labelled examples come from and how they are split."""

    source: str | tuple[str, ...] = ()
    """Files, folders or globs (relative to the project) that are split by `split`."""
    train: str | tuple[str, ...] = ()
    """Given training files; then `dev` and `test` may be files too."""
    dev: str | tuple[str, ...] | Fraction = 0.1
    test: str | tuple[str, ...] | Fraction = 0.2
    format: str | None = None
    """A format's name; guessed from the files when left out."""
    columns: dict[str, str] = {}
    """Field of the task (`text`, `label`, `group`, `time`…) -> column of the file; guessed when left out."""
    split: Literal["stratified", "random", "group", "time"] = "stratified"
    skip_bad: bool = False
    """Leave bad examples out (counted and listed) instead of stopping."""
    seed: int = 0


class Tune(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Search of hyper-parameters with Optuna."""

    trials: Annotated[int, Meta(ge=1)] = 10
    space: dict[str, Any] = {}
    """Option -> list of choices, or {low, high, log}; the family's own space when empty."""
    at_once: Annotated[int, Meta(ge=1)] = 1
    """Trials at the same time, on `train.workers`. A trial is chosen by those that have ended: this changes which are
    made."""


class Workers(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Machines that train: the short form is the system's name alone."""

    name: str
    options: dict[str, Any] = {}
    """Options of the system (docs/systems has a page for each)."""


class Train(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the network is made and trained."""

    model: str = "compact"
    """`compact`, or pretrained: a hub id, a folder, or `package:NAME`."""
    family: str | None = None
    """A network family; the task's own when left out."""
    budget: str = "15m"
    """Wall-clock limit for training, as `90s`, `15m` or `2h`."""
    seed: int = 0
    options: dict[str, Any] = {}
    """Options of the family (`modelworks tasks show NAME` lists them)."""
    tune: Tune | None = None
    tensorboard: str = ""
    """Folder, relative to the project, for TensorBoard's event files, one folder in it a training; none when empty.
    It cannot change the result: no step is made again for it."""
    workers: str | Workers | None = None
    """Where `options.processes` or the trials of `tune` run: this machine when left out, or the workers of a system, as
    `{name: ray, options: {…}}`. They give what they would give here: no step is made again for it."""


class Optimize(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which variants are built, and how one is chosen."""

    keep: str = "99%"
    """Share of the unoptimized bundle's primary metric that a variant must keep."""
    for_: Literal["latency", "throughput", "size"] = field(name="for", default="latency")
    variants: tuple[str, ...] | None = None
    """Names of variants; all when left out."""


class Evaluate(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is measured on the test split."""

    confidence: Fraction = 0.95
    resamples: Annotated[int, Meta(ge=100)] = 1000
    slices: tuple[str, ...] = ()
    """Metadata columns to slice by, besides those the task gives."""
    robustness: bool = True


class Serve(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The server's door and limits."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    max_body: int = 16 * 1024 * 1024
    """Bytes of one request body."""
    queue: int = 1024
    """Examples that may wait; beyond it requests are refused with 429."""
    deadline: float = 10.0
    """Seconds an accepted request may take; for an answer in pieces, until its first piece and between two."""
    records: bool = True
    """Write what was asked and answered to `.modelworks/records/`."""
    lanes: int = 0
    """Threads that run the model; 0 chooses by the machine."""
    streams: Annotated[int, Meta(ge=1)] = 64
    """Answers in pieces (generated texts) that may be on their way at once; beyond it requests are refused with 429."""
    sinks: dict[str, dict[str, Any]] = {}
    """Where records are sent on to -> its options: `elasticsearch: {url: …}` (docs/systems has a page for each)."""


class Release(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where releases are registered."""

    registry: str = "mlflow"
    uri: str = ""
    """Tracking and registry server; a SQLite file in `.modelworks/` when empty."""
    signing_key: str = ""
    """Private key (PEM, EC P-256) that signs released bundles; not signed when empty."""


class Engine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What orders the steps: the short form is its name alone."""

    name: str = "luigi"
    options: dict[str, Any] = {}
    """Options of the engine (docs/systems has a page for each)."""


class Project(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of `modelworks.yaml`."""

    name: str
    task: str
    data: Data
    train: Train = Train()
    optimize: Optimize = Optimize()
    evaluate: Evaluate = Evaluate()
    gate: dict[str, Any] = {}
    """Metric -> condition (`">= 0.40"`), `champion: no worse`, `margin`, `slices`."""
    serve: Serve = Serve()
    release: Release = Release()
    engine: str | Engine = "luigi"
    """`luigi`, `plain`, `ray`…, or `{name: …, options: {…}}`."""
    store: str = ""
    """Where machines share artifacts: `s3://bucket/prefix`, `gs://…`, `az://…`, `file:///folder`; this one's disk alone
    when empty."""
    targets: dict[str, dict[str, Any]] = {}
    """Target of `export` and `deploy` -> its options (`--set` overrides them)."""


def engine(settings: Project) -> Engine:
    """The project's engine in its long form."""
    return settings.engine if isinstance(settings.engine, Engine) else Engine(name=settings.engine)


def workers(settings: Train) -> Workers | None:
    """Where a training's processes run, in the long form; None for this machine."""
    given = settings.workers
    return Workers(name=given) if isinstance(given, str) else given


def settled(name: str, known: Mapping[str, Any], given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The options of what has this name, with the given ones over their defaults; a ConfigError for one it has not."""
    for key in given:
        if key not in known:
            raise ConfigError(f"{name} has no such option", where=where, seen=key, allowed=sorted(known))
    return {**known, **given}


def serve_of(text: str, settings: Serve, where: str) -> Serve:
    """The settings with the fields that a JSON object names; an empty text names none."""
    try:
        given = msgspec.json.decode(text or "{}", type=dict[str, Any])
        return msgspec.convert({**msgspec.to_builtins(settings), **given}, Serve, strict=True)
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"not the server's settings: {error}", where=where, seen=text, allowed=keys_of(Serve)
        ) from error


def seconds(text: str, where: str = "") -> float:
    """`90s`, `15m`, `2h` (or a plain number of seconds) as seconds."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", text)
    if not match:
        raise ConfigError("not a duration", where=where, seen=text, allowed="a number and s, m or h, as 90s, 15m, 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def percent(text: str, where: str = "") -> float:
    """`99%` or `0.99` as a fraction in (0, 1]."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(%?)\s*", text)
    value = float(match[1]) / (100 if match[2] else 1) if match else 0.0
    if not 0 < value <= 1:
        raise ConfigError("not a share", where=where, seen=text, allowed="a percentage as 99%, at most 100%")
    return value


def find_project(start: Path | None = None) -> Path:
    """The folder with modelworks.yaml at or above `start` (default: the working directory)."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return folder
    raise ConfigError(f"there is no {FILE} here or above", where=str(here), hint="modelworks init TASK --data FILES")


def load_project(folder: Path, overrides: tuple[str, ...] = ()) -> Project:
    """Read and check the project of a folder. `overrides` are `a.b=value` strings (value in YAML)."""
    path = folder / FILE
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {FILE}: {error}", where=str(path)) from error
    return parse_project(text, str(path), overrides)


def parse_project(text: str, where: str = FILE, overrides: tuple[str, ...] = ()) -> Project:
    """The project a YAML text describes; a ConfigError that lists every fault with its line."""
    import yaml

    try:
        value = yaml.load(text, Loader=_loader())  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}:{mark.line + 1}" if mark else where
        raise ConfigError(f"not YAML: {getattr(error, 'problem', error)}", where=place) from error
    if not isinstance(value, dict):
        raise ConfigError("a project is a mapping of keys", where=where, seen=value, allowed=keys_of(Project))
    for override in overrides:
        _override(value, override)
    try:
        return msgspec.convert(value, Project, strict=True)
    except msgspec.ValidationError as error:
        node = yaml.compose(text, Loader=_loader())  # a second parse, for the lines alone
        refuse_unknown(value, node, Project, where)
        message, _, place = str(error).partition(" - at ")
        keys = [key for key in place.strip("`").replace("$.", "", 1).split(".") if key not in ("$", "")]
        raise ConfigError(
            message, where=f"{where}:{line_of(node, keys)} ({'.'.join(keys)})", hint="see docs/configuration.md"
        ) from error


def _loader() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def setting(text: str) -> tuple[str, Any]:
    """`KEY=VALUE` of a command line: the value as modelworks.yaml would read it, as it stands where that is no YAML."""
    import yaml

    key, mark, given = text.partition("=")
    if not mark or not key:
        raise ConfigError("not a setting", where="--set", seen=text, allowed="KEY=VALUE")
    try:
        return key, yaml.load(given, Loader=_loader())  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError:
        return key, given  # as in --set 'gate.accuracy=>= 0.4', which is no YAML without quotes


def _override(value: dict[str, Any], text: str) -> None:
    keys, given = setting(text)
    *path, last = keys.split(".")
    for key in path:
        value = value.setdefault(key, {})
        if not isinstance(value, dict):
            raise ConfigError("an override goes through a key that holds no mapping", where="--set", seen=text)
    value[last] = given
