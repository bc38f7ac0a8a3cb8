"""Signing: `model.sig` (see signature.py), made with a private key."""

from __future__ import annotations

from pathlib import Path

from modelworks.bundle.manifest import SIGNATURE, Manifest
from modelworks.bundle.signature import bad_key, configuration
from modelworks.bundle.verify import verify_folder


def sign(folder: Path, private_key: Path) -> Manifest:
    """Sign a bundle folder, which is verified first; an older signature is replaced. Needs the extra `sign`."""
    manifest = verify_folder(folder)
    config = configuration("signing")
    try:
        config.use_elliptic_key_signer(private_key=private_key)
    except (OSError, TypeError, ValueError) as error:
        raise bad_key(private_key, "private", error) from error
    (folder / SIGNATURE).unlink(missing_ok=True)
    config.sign(folder, folder / SIGNATURE)
    return manifest
