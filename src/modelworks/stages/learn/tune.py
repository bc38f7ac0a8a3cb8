"""Search of hyper-parameters with Optuna: in this process, stored in SQLite in scratch, so that a kill costs one trial;
or on the workers of a system, several trials at once.

The budget is shared evenly among the trials. Each trial is a whole `fit` in a folder of its own; the best one's
weights are kept, so nothing is trained again.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts import workers
from modelworks.contracts.family import Recipe
from modelworks.contracts.step import Work
from modelworks.core.config import Tune, Workers
from modelworks.core.errors import ConfigError, MissingExtra
from modelworks.core.files import write_bytes
from modelworks.stages.learn.fit import Fitted, fit
from modelworks.stages.learn.setting import Setting
from modelworks.stages.learn.state import read, write

_TRIAL = "modelworks.stages.learn.trial:run"


def tune(setting: Setting, options: Recipe, wish: Tune, deadline: float, scratch: Path) -> tuple[Recipe, Fitted]:
    """(options, network) of the best trial. An interrupted search goes on where it was."""
    study, space = _study(setting, scratch), ranges(options, wish)
    while (done := _finished(study)) < wish.trials and (done == 0 or time.monotonic() < deadline):
        trial = _next(study, space)
        share = (deadline - time.monotonic()) / (wish.trials - done)
        folder = scratch / f"trial-{trial.number}"
        setting.progress.say(f"trial {done + 1} of {wish.trials}: {trial.params}")
        fitted = fit(setting, changed(options, trial.params), time.monotonic() + share, folder)
        keep(folder, fitted)
        study.tell(trial, fitted.score)
        _drop_all_but(study.best_trial.number, scratch)
    best = study.best_trial
    setting.progress.say(f"best trial: {best.params} with {setting.judge.primary} {best.value:.4f}")
    return changed(options, best.params), _kept(scratch / f"trial-{best.number}")


def elsewhere(
    setting: Setting, options: Recipe, wish: Tune, deadline: float, work: Work, system: Workers
) -> tuple[Recipe, Fitted]:
    """The same by the workers of a system. They leave trials in scratch, where an interrupted search finds them."""
    leaf = workers.find(system.name)
    chosen = workers.settled(system.name, system.options, where="train.workers.options")
    space = {name: distributions_json(one) for name, one in ranges(options, wish).items()}
    search = workers.Search(
        space=space, trials=wish.trials, at_once=wish.at_once, maximize=setting.judge.sign > 0, seed=setting.seed,
        known=tuple((params, score) for _, params, score in _left(work.scratch, space)),
    )  # fmt: skip
    rounds = math.ceil(max(1, wish.trials - len(search.known)) / wish.at_once)
    with tempfile.TemporaryDirectory(prefix="modelworks-trials-", dir=work.scratch.absolute()) as room:
        facts = {
            **{name: str(getattr(work, name).absolute()) for name in ("scratch", "project", "cache")}, "room": room,
            "inputs": {name: str(path.absolute()) for name, path in work.inputs.items()}, "params": dict(work.params),
            "seconds": (deadline - time.monotonic()) / rounds,
        }  # fmt: skip
        setting.progress.say(f"{wish.trials - len(search.known)} trials on {system.name}, {wish.at_once} at once")
        if len(search.known) < wish.trials:
            leaf.search(_TRIAL, facts, search, Path(room), chosen)
    left = _left(work.scratch, space)
    folder, params, score = max(left, key=lambda one: setting.judge.sign * one[2])
    setting.progress.say(f"best of {len(left)} trials: {params} with {setting.judge.primary} {score:.4f}")
    return changed(options, params), _kept(folder)


def _left(scratch: Path, space: Mapping[str, Any]) -> list[tuple[Path, dict[str, Any], float]]:
    """(folder, parameters, score) of the trials of this space that workers have finished."""
    found = []
    for path in sorted(scratch.glob("trial-*/params.json")):
        params = json.loads(path.read_text("utf-8"))
        if (facts := path.with_name("fitted.json")).is_file() and params.keys() == space.keys():
            found.append((path.parent, params, float(json.loads(facts.read_text("utf-8"))["score"])))
    return found


def mark(folder: Path, params: Mapping[str, Any]) -> None:
    """Say which parameters a trial has."""
    write_bytes(folder / "params.json", json.dumps(dict(params)).encode())


def ranges(options: Recipe, wish: Tune) -> dict[str, Any]:
    """Option -> an Optuna distribution."""
    space = {name: distribution(name, given) for name, given in (wish.space or options.space).items()}
    known = [field.encode_name for field in msgspec.structs.fields(type(options))]
    return _applicable(space, known, given=bool(wish.space))


def distributions_json(one: Any) -> str:
    from optuna import distributions

    return str(distributions.distribution_to_json(one))


def _study(setting: Setting, scratch: Path) -> Any:
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise MissingExtra("optuna", "train") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    scratch.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        storage=f"sqlite:///{scratch / 'tune.db'}", study_name="tune", load_if_exists=True,
        direction="maximize" if setting.judge.sign > 0 else "minimize",
        sampler=optuna.samplers.TPESampler(seed=setting.seed),
    )  # fmt: skip


def distribution(name: str, given: Any) -> Any:
    """An Optuna distribution of a list of choices or of {low, high, log}."""
    from optuna import distributions

    if isinstance(given, list | tuple) and given:
        return distributions.CategoricalDistribution(list(given))
    if isinstance(given, Mapping) and {"low", "high"} <= given.keys() <= {"low", "high", "log"}:
        low, high, log = given["low"], given["high"], bool(given.get("log", False))
        if isinstance(low, int) and isinstance(high, int):
            return distributions.IntDistribution(low, high, log=log)
        return distributions.FloatDistribution(float(low), float(high), log=log)
    raise ConfigError(
        "not a range to search", where=f"train.tune.space.{name}", seen=given,
        allowed="a list of choices, or {low: …, high: …, log: true}",
    )  # fmt: skip


def _applicable(space: dict[str, Any], known: list[str], given: bool) -> dict[str, Any]:
    """The ranges that these options have; one the user gave that they have not is an error."""
    for name in space:
        if name not in known and given:
            raise ConfigError("there is no such option to search", where="train.tune.space", seen=name, allowed=known)
    return {name: value for name, value in space.items() if name in known}


def _finished(study: Any) -> int:
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def _next(study: Any, space: Mapping[str, Any]) -> Any:
    """The trial that was interrupted, with its parameters, or a new one."""
    import optuna

    for frozen in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        if frozen.params.keys() == space.keys():
            return optuna.trial.Trial(study, frozen._trial_id)
    return study.ask(space)


def changed(options: Recipe, params: Mapping[str, Any]) -> Recipe:
    return msgspec.convert({**msgspec.to_builtins(options), **params}, type(options))


def keep(folder: Path, fitted: Fitted) -> None:
    """Keep a trial's result, without its checkpoints."""
    write(folder / "fitted.safetensors", fitted.state)
    facts = {"score": fitted.score, "how": fitted.how, "history": fitted.history, "steps": fitted.steps}
    write_bytes(folder / "fitted.json", json.dumps(facts).encode())
    shutil.rmtree(folder / "steps", ignore_errors=True)
    (folder / "start.safetensors").unlink(missing_ok=True)


def _drop_all_but(best: int, scratch: Path) -> None:
    """Remove the weights of all trials but the best."""
    for path in scratch.glob("trial-*/fitted.safetensors"):
        if path.parent.name != f"trial-{best}":
            path.unlink()


def _kept(folder: Path) -> Fitted:
    facts = json.loads((folder / "fitted.json").read_text("utf-8"))
    return Fitted(
        state=read(folder / "fitted.safetensors"), score=facts["score"], how=facts["how"], history=facts["history"],
        steps=facts["steps"],
    )  # fmt: skip
