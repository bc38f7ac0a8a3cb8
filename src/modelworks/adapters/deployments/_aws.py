"""Calls to AWS: patient with throttling, clear about what it refuses. Credentials are found by boto3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelworks.core.errors import ConfigError, MissingExtra, StepError

_ABSENT = ("Could not find", "does not exist", "not found")
_REFUSED = ("AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidClientTokenId",
            "ExpiredTokenException", "SignatureDoesNotMatch", "InvalidSignatureException")  # fmt: skip
_BUSY = ("ThrottlingException", "Throttling", "TooManyRequestsException", "ServiceUnavailable")


class Aws:
    """Clients of one region."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._clients: dict[str, Any] = {}
        self._session: Any = None

    def __call__(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """What an operation answers; StepError when it is refused or nobody answers. Throttled and failed calls are
        tried again with growing pauses."""
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        where = f"{service} {operation}"
        try:
            found: dict[str, Any] = getattr(self._client(service), operation)(**request)
            return found
        except ClientError as error:
            raise _told(error.response.get("Error", {}), where) from error
        except NoCredentialsError as error:
            hint = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role gives them"
            raise StepError("there are no AWS credentials", where=where, hint=hint) from error
        except BotoCoreError as error:
            hint = "is the region right and the network there? nothing was changed by this call; run again"
            raise StepError(f"AWS does not answer: {error}", where=where, hint=hint) from error

    def found(self, service: str, operation: str, **request: Any) -> dict[str, Any] | None:
        """The same, or None when there is no such thing."""
        try:
            return self(service, operation, **request)
        except StepError as error:
            if any(words in error.message for words in _ABSENT):
                return None
            raise

    def pages(self, service: str, operation: str, key: str, **request: Any) -> list[dict[str, Any]]:
        """All entries of a list."""
        entries: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            page = self(service, operation, **request, **more)
            entries += page.get(key, ())
            if not page.get("NextToken"):
                return entries
            more = {"NextToken": page["NextToken"]}

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            try:
                import boto3
                from botocore.config import Config
            except ModuleNotFoundError as error:
                raise MissingExtra("boto3", "s3") from error
            from botocore.exceptions import BotoCoreError

            patience = Config(connect_timeout=5, read_timeout=70, retries={"mode": "standard", "total_max_attempts": 6})
            try:
                self._session = self._session or boto3.session.Session()
                self._clients[service] = self._session.client(
                    service, region_name=self._region or None, config=patience
                )
            except (BotoCoreError, ValueError) as error:
                hint = "--set region=…, or AWS_DEFAULT_REGION"
                raise ConfigError(f"no client of {service}: {error}", where="AWS", hint=hint) from error
        return self._clients[service]


def _told(fault: Mapping[str, Any], where: str) -> StepError:
    code, message = str(fault.get("Code", "")), str(fault.get("Message", ""))
    if code in _REFUSED:
        hint = "check the credentials, and that they may do this"
    elif code in _BUSY:
        hint = "it was asked six times with growing pauses; run again later: what was done is kept"
    else:
        hint = ""
    return StepError(f"AWS refused: {code}: {message}", where=where, hint=hint)
