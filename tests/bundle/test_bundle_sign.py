"""Signatures with a generated key pair: made offline, verified on opening."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modelworks.bundle import Predictor, open_manifest, pack, sign, verify
from modelworks.core.errors import BundleError, ConfigError

pytest.importorskip("model_signing")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def pair(folder: Path, name: str) -> tuple[Path, Path]:
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo))
    return private, public


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return pair(tmp_path_factory.mktemp("keys"), "ours")


def test_a_signed_bundle_opens_as_folder_and_zip_and_keeps_its_id(
    bundle: Path, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    before = open_manifest(bundle).id
    assert sign(bundle, keys[0]).id == before
    assert Predictor.open(bundle, require_signature=keys[1]).id == before
    pack(bundle, tmp_path / "signed.zip")
    assert Predictor.open(tmp_path / "signed.zip", require_signature=keys[1]).id == before
    assert verify(bundle).id == before, "without asking for it the signature does not matter"
    sign(bundle, keys[0])
    assert verify(bundle, require_signature=keys[1]).id == before, "signed again"


def test_unsigned_altered_and_otherwise_signed_bundles_are_refused(
    bundle: Path, keys: tuple[Path, Path], tmp_path: Path, resealed: Callable[..., Path]
) -> None:
    with pytest.raises(BundleError, match="not signed"):
        verify(bundle, require_signature=keys[1])
    sign(bundle, keys[0])
    _, other = pair(tmp_path, "other")
    with pytest.raises(BundleError, match="signature does not hold"):
        verify(bundle, require_signature=other)
    resealed(name="another name")  # hashes and id are right again, the signature is not
    assert verify(bundle).name == "another name"
    with pytest.raises(BundleError, match="signature does not hold"):
        Predictor.open(bundle, require_signature=keys[1])


def test_a_signature_of_another_bundle_is_refused(
    bundle: Path, keys: tuple[Path, Path], tmp_path: Path, resealed: Callable[..., Path]
) -> None:
    other = Path(shutil.copytree(bundle, tmp_path / "other"))
    resealed(name="another name")
    sign(bundle, keys[0])
    shutil.copy(bundle / "model.sig", other / "model.sig")
    with pytest.raises(BundleError, match="signature does not hold"):
        verify(other, require_signature=keys[1])


@pytest.mark.parametrize("change", ["empty", "cut", "flip"])
def test_a_damaged_signature_is_refused(bundle: Path, keys: tuple[Path, Path], change: str) -> None:
    sign(bundle, keys[0])
    path = bundle / "model.sig"
    plain = json.loads(path.read_bytes())
    sig = plain["dsseEnvelope"]["signatures"][0]["sig"]
    plain["dsseEnvelope"]["signatures"][0]["sig"] = ("B" if sig[0] == "A" else "A") + sig[1:]
    path.write_bytes({"empty": b"", "cut": path.read_bytes()[:-9], "flip": json.dumps(plain).encode()}[change])
    with pytest.raises(BundleError, match="signature does not hold"):
        verify(bundle, require_signature=keys[1])


def test_bad_keys_are_said_to_be_bad(bundle: Path, keys: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "noise").write_text("no key")
    for path in (tmp_path / "noise", tmp_path / "absent"):
        with pytest.raises(ConfigError, match="private key"):
            sign(bundle, path)
    sign(bundle, keys[0])
    with pytest.raises(ConfigError, match="public key"):
        verify(bundle, require_signature=tmp_path / "noise")


def test_the_package_itself_agrees(bundle: Path, keys: tuple[Path, Path]) -> None:
    sign(bundle, keys[0])
    command = ["verify", "key", str(bundle), "--signature", str(bundle / "model.sig"), "--public_key", str(keys[1])]
    subprocess.run([sys.executable, "-m", "model_signing", *command], check=True, capture_output=True)
