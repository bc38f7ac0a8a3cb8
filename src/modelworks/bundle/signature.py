"""Signatures with a key pair (PEM, EC P-256), in the format of the OpenSSF `model-signing` package, offline.

The signature is `model.sig` inside the folder, so that it travels with the bundle; it covers every other file, the
manifest included, and changes no id. `model_signing verify key BUNDLE --signature BUNDLE/model.sig --public_key KEY`
checks it without Modelworks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelworks.bundle.manifest import SIGNATURE
from modelworks.core import registry
from modelworks.core.errors import BundleError, ConfigError


def check_signature(folder: Path, public_key: Path) -> None:
    """Raise BundleError unless the folder, as it is, was signed with the other half of `public_key`."""
    signature = folder / SIGNATURE
    if not signature.is_file():
        raise BundleError(
            "the bundle is not signed, and a signature is required", where=str(folder),
            hint="modelworks bundle sign BUNDLE --key PRIVATE_KEY",
        )  # fmt: skip
    config = configuration("verifying")
    try:
        config.use_elliptic_key_verifier(public_key=public_key)
    except (OSError, TypeError, ValueError) as error:
        raise bad_key(public_key, "public", error) from error
    try:
        config.verify(folder, signature)
    except Exception as error:  # the package raises what its parsers raise
        why = str(error) or type(error).__name__
        raise BundleError(f"the signature does not hold: {why}", where=str(signature), seen=str(public_key)) from error


def configuration(module: str) -> Any:
    """A model_signing configuration that hashes all files but the signature."""
    hashing = registry.load("model_signing.hashing:Config")().set_ignored_paths(
        paths=[SIGNATURE], ignore_git_paths=False
    )
    return registry.load(f"model_signing.{module}:Config")().set_hashing_config(hashing)


def bad_key(path: Path, which: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"cannot read the {which} key: {error}", where=str(path), allowed="PEM, elliptic curve P-256",
        hint="make a pair: openssl ecparam -name prime256v1 -genkey -noout -out K; openssl ec -in K -pubout -out K.pub",
    )  # fmt: skip
