"""Bundles: the one thing that ships, and the one Predictor that runs it. docs/bundle-format.md is the specification."""

from modelworks.bundle.archive import pack
from modelworks.bundle.encoder import Encoder
from modelworks.bundle.from_gguf import from_gguf
from modelworks.bundle.interpreter import Interpreter, Row
from modelworks.bundle.join import join
from modelworks.bundle.manifest import Draft, Licence, Limits, Manifest, Runtime, open_manifest
from modelworks.bundle.predictor import Predictor
from modelworks.bundle.profile import Profile, record_profile
from modelworks.bundle.resources import open_resources
from modelworks.bundle.selftest import record_selftest
from modelworks.bundle.sign import sign
from modelworks.bundle.verify import verify
from modelworks.bundle.write import derive, write

__all__ = [
    "Draft", "Encoder", "Interpreter", "Licence", "Limits", "Manifest", "Predictor", "Profile", "Row", "Runtime",
    "derive", "from_gguf", "join", "open_manifest", "open_resources", "pack", "record_profile", "record_selftest",
    "sign", "verify", "write",
]  # fmt: skip
