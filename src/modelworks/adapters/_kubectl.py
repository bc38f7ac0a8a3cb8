"""kubectl as a command: what the deployment and the engine `kubernetes` share."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from modelworks.contracts.check import Finding
from modelworks.core.errors import StepError

OPTIONS: dict[str, str] = {"kubectl": "kubectl", "context": "", "namespace": ""}
"""The program; a context of kubectl's configuration and a namespace (else the current ones)."""

_AWAY = re.compile(
    "connection refused|was refused|unable to connect|i/o timeout|deadline exceeded|no such host|unexpected eof"
    "|connection reset|tls handshake|serviceunavailable|too many requests|http2: (?:client|server)|no configuration",
    re.IGNORECASE,
)
_DENIED = re.compile(r"unauthorized|forbidden|must be logged in|provide credentials|x509", re.IGNORECASE)


class Kubectl:
    """Commands to one cluster. All that are used here can be said twice, so what was not heard is said again."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        given = ("context", "namespace")
        self._command = [options["kubectl"], *(f"--{key}={options[key]}" for key in given if options[key])]
        self._namespace = str(options["namespace"])

    def __call__(self, *words: str, stdin: str = "", seconds: float = 60, allowed: tuple[int, ...] = (0,)) -> str:
        """What it printed; a StepError that says why where it ends with a code that is not allowed, or with one but
        without a word because nothing answers or lets us in. Tried thrice while nothing answers."""
        for pause in (1.0, 3.0, None):
            done = self._run(words, stdin, seconds)
            silent = done.returncode != 0 and not done.stdout.strip()
            away = silent and _AWAY.search(done.stderr)
            if done.returncode in allowed and not away and not (silent and _DENIED.search(done.stderr)):
                return done.stdout
            if pause is None or not away:
                break
            time.sleep(pause)
        raise self._error(words, done.stderr.strip()[-1500:])

    def read(self, *words: str) -> Any:
        """`kubectl get` as plain data; None where the named object is absent."""
        text = self("get", *words, "--ignore-not-found", "--output=json")
        try:
            return json.loads(text) if text.strip() else None
        except json.JSONDecodeError as error:
            raise StepError(f"kubectl get {words[0]} gave what is not JSON", where=words[0], seen=text[:300]) from error

    def those(self, kind: str, labels: str) -> list[Any]:
        """The objects of a kind that have some labels (`a=b,c=d`); kubectl prints nothing where there are none."""
        found = self.read(kind, f"--selector={labels}")
        return list(found["items"]) if found else []

    def namespace(self) -> str:
        words = ("config", "view", "--minify", "--output=jsonpath={..namespace}")
        return self._namespace or self(*words).strip() or "default"

    def finding(self, what: str) -> Finding:
        """For the doctor: the server's version, and whether we may change Deployments and Jobs."""
        name = f"{what} {' '.join(self._command[1:])}".strip()
        try:
            version = json.loads(self("version", "--output=json", "--request-timeout=5s", seconds=20))
            may = [self._may(verb) for verb in ("patch deployments.apps", "create jobs.batch")]
        except (StepError, ValueError) as error:
            seen = f"{error.message}: {error.seen}" if isinstance(error, StepError) else f"not Kubernetes: {error}"
            return Finding(name, "fault", seen[:300], getattr(error, "hint", ""))
        if not all(may):
            return Finding(name, "fault", "we may not change Deployments and Jobs there", "kubectl auth can-i --list")
        return Finding(name, "ok", version["serverVersion"]["gitVersion"])

    def _may(self, what: str) -> bool:
        return self("auth", "can-i", *what.split(), seconds=20, allowed=(0, 1)).strip() == "yes"

    def _run(self, words: tuple[str, ...], stdin: str, seconds: float) -> subprocess.CompletedProcess[str]:
        command = [*self._command, *words]
        try:
            return subprocess.run(
                command, input=stdin, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
            )
        except FileNotFoundError as error:
            hint = "install kubectl, or say where it is: --set kubectl=PATH"
            raise StepError("there is no kubectl", where=command[0], hint=hint) from error
        except subprocess.TimeoutExpired as error:
            raise StepError(f"kubectl {words[0]} took over {seconds:.0f} s", where=" ".join(command)[:300]) from error

    def _error(self, words: tuple[str, ...], told: str) -> StepError:
        where = " ".join([*self._command, *words])[:300]
        if _DENIED.search(told):
            return StepError("the cluster does not let us", where=where, seen=told, hint="kubectl auth can-i --list")
        if _AWAY.search(told):
            hint = "kubectl config get-contexts lists what is known; --set context=NAME chooses"
            return StepError("no Kubernetes API server answers", where=where, seen=told, hint=hint)
        return StepError(f"kubectl {words[0]} failed", where=where, seen=told)
