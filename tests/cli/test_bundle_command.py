"""`modelworks bundle show|verify|sign|export`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelworks.bundle import open_manifest
from modelworks.cli.bundle import command
from modelworks.core.errors import BundleError, ConfigError

MUSEUM = Path(__file__).parents[1] / "museum" / "v1" / "sentiment"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MUSEUM, tmp_path / "bundle"))


def ask(*arguments: object) -> str:
    result = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_show_tells_what_it_is(bundle: Path) -> None:
    said = ask("show", bundle)
    assert open_manifest(bundle).id in said
    assert "label, score, ranked = labels.rank.v1(probabilities)" in said
    plain = json.loads(ask("show", bundle, "--json"))
    assert (plain["task"], plain["signed"], plain["limits"]["max_batch"]) == ("sentiment-analysis", False, 1024)


def test_verify_passes_a_whole_bundle_and_refuses_another(bundle: Path) -> None:
    assert json.loads(ask("verify", bundle, "--json"))["id"] == open_manifest(bundle).id
    path = bundle / "README.md"
    path.write_bytes(path.read_bytes().replace(b"museum", b"musEum", 1))
    with pytest.raises(BundleError, match="altered"):
        ask("verify", bundle)


def test_export_packs_what_verify_takes(bundle: Path, tmp_path: Path) -> None:
    facts = json.loads(ask("export", bundle, tmp_path / "out.zip", "--json"))
    assert facts["bytes"] == (tmp_path / "out.zip").stat().st_size
    assert "self-test passed" in ask("verify", tmp_path / "out.zip")


def test_sign_then_verify(bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("model_signing")
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    private, public = tmp_path / "key", tmp_path / "key.pub"
    private.write_bytes(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(BundleError, match="not signed"):
        ask("verify", bundle, "--key", public)
    assert "signed" in ask("sign", bundle, "--key", private)
    assert "signature holds" in ask("verify", bundle, "--key", public)
    ask("export", bundle, tmp_path / "out.zip")
    assert "signature holds" in ask("verify", tmp_path / "out.zip", "--key", public)
    with pytest.raises(ConfigError, match="only a folder"):
        ask("sign", tmp_path / "out.zip", "--key", private)
