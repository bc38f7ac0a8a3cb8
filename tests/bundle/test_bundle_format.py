"""What is written opens again; whatever is wrong with it is refused with a BundleError."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.bundle import Predictor, archive, derive, open_manifest, pack, verify, write
from modelworks.bundle.manifest import MAX_MANIFEST
from modelworks.core.errors import BundleError
from modelworks.kinds import Text

Resealed = Callable[..., Path]


def test_round_trip(made: Path, recipe: ModuleType, tmp_path: Path) -> None:
    manifest = open_manifest(made)
    assert len(manifest.id) == 64
    assert verify(made) == manifest == Predictor.open(made).manifest
    assert msgspec.to_builtins(manifest.program) == msgspec.to_builtins(recipe.program())
    assert set(manifest.files) == {
        "README.md", "graphs/model.onnx", "profile.json", "resources/tokenizer.json", "selftest.json",
    }  # fmt: skip
    assert recipe.build(tmp_path / "again") == manifest.id, "the same making gives the same id"


def test_a_zip_is_the_same_bundle_and_the_same_bytes(made: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        pack(made, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    predictor = Predictor.open(tmp_path / "a.zip")
    assert predictor.id == open_manifest(made).id == verify(tmp_path / "a.zip").id
    assert predictor.predict([Text("good")]) == Predictor.open(made).predict([Text("good")])


def test_derive_keeps_the_parent_link_and_replaces_files(made: Path, tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    model = onnx.load(made / "graphs/model.onnx")
    weights = numpy_helper.to_array(model.graph.initializer[0]) * 2
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights.astype(np.float32), "weights"))
    onnx.save(model, tmp_path / "louder.onnx")
    manifest = derive(
        made, tmp_path / "out", variant="louder", files={"graphs/model.onnx": tmp_path / "louder.onnx"},
        runtime={"threads": 2},
    )  # fmt: skip
    assert (manifest.parent, manifest.variant) == (open_manifest(made).id, "louder")
    assert (manifest.runtime.threads, manifest.runtime.batch) == (2, 32)
    before, after = Predictor.open(made), Predictor.open(tmp_path / "out")
    assert after.predict([Text("good")])[0].score > before.predict([Text("good")])[0].score


def test_derive_refuses_strange_files_and_settings(made: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="replaces files"):
        derive(made, tmp_path / "a", variant="x", files={"graphs/other.onnx": made / "graphs/model.onnx"})
    with pytest.raises(BundleError, match="runtime"):
        derive(made, tmp_path / "b", variant="x", runtime={"thread": 2})


def test_a_bundle_is_never_edited(bundle: Path, recipe: ModuleType) -> None:
    with pytest.raises(BundleError, match="never edited"):
        write(bundle, recipe.draft())


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_refused(made: Path, data: st.DataObject) -> None:
    files = sorted(path for path in made.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before) - 1))
    changed = bytearray(before)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        path.write_bytes(changed)
        with pytest.raises(BundleError):
            verify(made)
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("name", ["manifest.json", "graphs/model.onnx", "resources/tokenizer.json", "selftest.json"])
def test_truncated_and_missing_files_are_refused(bundle: Path, name: str) -> None:
    path = bundle / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleError):
        verify(bundle)
    path.unlink()
    with pytest.raises(BundleError, match=r"missing|cannot read manifest"):
        verify(bundle)


def test_the_manifest_of_a_zip_is_read_alone(bundle: Path, tmp_path: Path) -> None:
    pack(bundle, tmp_path / "bundle.zip")
    assert open_manifest(tmp_path / "bundle.zip") == open_manifest(bundle)
    (tmp_path / "broken.zip").write_bytes((tmp_path / "bundle.zip").read_bytes()[:200])
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("other.json", "{}")
    with zipfile.ZipFile(tmp_path / "large.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b" " * (100 << 20))
    for name in ("broken", "other", "large"):
        with pytest.raises(BundleError):
            open_manifest(tmp_path / f"{name}.zip")


def test_an_unlisted_file_is_refused(bundle: Path) -> None:
    (bundle / "extra.json").write_text("{}")
    with pytest.raises(BundleError, match="not listed"):
        verify(bundle)


def test_links_and_pipes_are_refused(bundle: Path) -> None:
    target = bundle / "graphs/model.onnx"
    kept = bundle.parent / "model.onnx"
    target.rename(kept)
    target.symlink_to(kept)
    with pytest.raises(BundleError, match="links"):
        verify(bundle)
    target.unlink()
    os.mkfifo(target)
    with pytest.raises(BundleError, match="special files"):
        verify(bundle)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, "unknown bundle format version"),
        ({"format": None}, "unknown bundle format version"),
        ({"module": "os"}, "unknown field `module`"),
        ({"input": "smell"}, "no kind"),
        ({"graphs": []}, "unknown graph"),
        ({"resources": []}, "unknown resource"),
        ({"runtime": {"threads": 1, "provider": "x"}}, "unknown field"),
        ({"labels": 7}, "labels"),
    ],
)
def test_unknown_things_in_an_honest_manifest_are_refused(
    resealed: Resealed, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        verify(resealed(**changes))


def change(bundle: Path, edit: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    plain = json.loads((bundle / "manifest.json").read_bytes())
    edit(plain)
    return {key: plain[key] for key in plain if key not in ("id", "files")}


def test_an_unknown_op_is_refused_by_name(bundle: Path, resealed: Resealed) -> None:
    changes = change(bundle, lambda m: m["program"]["calls"][3].update(op="os.system.v1"))
    with pytest.raises(BundleError, match="unknown operation") as caught:
        verify(resealed(**changes))
    assert caught.value.seen == "os.system.v1"
    assert "pip install -U modelworks" in caught.value.hint


def test_an_unknown_parameter_is_refused(bundle: Path, resealed: Resealed) -> None:
    changes = change(bundle, lambda m: m["program"]["calls"][3].update(params={"temp": 2}))
    with pytest.raises(BundleError, match="unknown parameter"):
        verify(resealed(**changes))


@pytest.mark.parametrize("path", ["../outside.onnx", "/etc/hostname", "graphs/../../outside.onnx", "a\\..\\b.onnx"])
def test_paths_that_climb_out_are_refused(bundle: Path, resealed: Resealed, path: str) -> None:
    shutil.copy(bundle / "graphs/model.onnx", bundle.parent / "outside.onnx")
    plain = json.loads((resealed() / "manifest.json").read_bytes())
    files = {**plain["files"], path: plain["files"]["graphs/model.onnx"]}
    resealed(files=files)
    with pytest.raises(BundleError, match="not contained"):
        verify(bundle)


def test_a_graph_entry_must_point_at_a_listed_file(bundle: Path, resealed: Resealed) -> None:
    changes = change(bundle, lambda m: m["graphs"][0].update(file="../outside.onnx"))
    with pytest.raises(BundleError, match="missing"):
        verify(resealed(**changes))


class Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, ("touch harm",))


@pytest.mark.parametrize("name", ["model.pkl", "resources/weights.npy", "graphs/extra.onnx", "code.py", "lib.so", "x"])
def test_pickles_and_code_are_refused(bundle: Path, resealed: Resealed, name: str) -> None:
    (bundle / name).write_bytes(pickle.dumps(Harm()))
    with pytest.raises(BundleError, match=r"pickle|holds no such files"):
        verify(resealed())
    assert not Path("harm").exists()


def test_an_archive_inside_is_refused(bundle: Path, resealed: Resealed) -> None:
    with zipfile.ZipFile(bundle / "resources/weights.data", "w") as inner:  # the form of torch.save
        inner.writestr("data.pkl", pickle.dumps(Harm()))
    with pytest.raises(BundleError, match="archive"):
        verify(resealed())


def test_object_arrays_are_refused(bundle: Path, resealed: Resealed) -> None:
    np.save(bundle / "resources/a.npy", np.array([Harm()], dtype=object), allow_pickle=True)
    plain = change(bundle, lambda m: m["resources"].append({"name": "a", "file": "resources/a.npy", "type": "array"}))
    with pytest.raises(BundleError, match="cannot open the array"):
        Predictor.open(resealed(**plain))
    assert not Path("harm").exists()


def test_absurd_sizes_are_refused(bundle: Path, resealed: Resealed) -> None:
    resealed()
    with (bundle / "manifest.json").open("ab") as stream:
        stream.truncate(MAX_MANIFEST + 1)
    with pytest.raises(BundleError, match="too large"):
        verify(bundle)


def test_a_deeply_nested_manifest_is_refused(bundle: Path) -> None:
    (bundle / "manifest.json").write_bytes(b"[" * 200_000)
    with pytest.raises(BundleError, match="not JSON"):
        verify(bundle)


def test_what_is_no_bundle_is_said_so(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent", tmp_path / "absent.zip"):
        with pytest.raises(BundleError):
            verify(path)
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(BundleError, match="damaged"):
        verify(tmp_path / "text.zip")


def packed(made: Path, path: Path, *extra: tuple[Any, bytes]) -> Path:
    pack(made, path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as out:
        for name, data in extra:
            out.writestr(name, data)
    return path


def test_a_zip_that_climbs_out_is_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not contained"):
        verify(packed(made, tmp_path / "a.zip", ("../outside.json", b"{}")))
    assert not (tmp_path / "outside.json").exists()
    link = zipfile.ZipInfo("graphs/link.onnx")
    link.external_attr = 0o120777 << 16
    with pytest.raises(BundleError, match="links"):
        verify(packed(made, tmp_path / "b.zip", (link, b"/etc/passwd")))


def test_zip_bombs_are_refused(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BundleError, match="absurd size"):
        verify(packed(made, tmp_path / "a.zip", ("zeros.data", bytes(8 * 1024 * 1024))))
    many = [(f"resources/{i}.json", b"") for i in range(archive.MAX_FILES)]
    with pytest.raises(BundleError, match="too many files"):
        verify(packed(made, tmp_path / "b.zip", *many))
    monkeypatch.setattr(archive, "MAX_TOTAL", 1000)
    with pytest.raises(BundleError, match="too large"):
        verify(packed(made, tmp_path / "c.zip"))


def test_a_zip_with_a_file_twice_or_cut_is_refused(made: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = packed(made, tmp_path / "a.zip", ("manifest.json", b"{}"))
    with pytest.raises(BundleError, match="twice"):
        verify(twice)
    whole = packed(made, tmp_path / "b.zip").read_bytes()
    for cut in (10, len(whole) // 2, len(whole) - 5):
        (tmp_path / "cut.zip").write_bytes(whole[:cut])
        with pytest.raises(BundleError, match="damaged"):
            verify(tmp_path / "cut.zip")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_changed_byte_of_a_zip_is_refused_or_harmless(
    made: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("zip")
    pack(made, folder / "a.zip")
    changed = bytearray((folder / "a.zip").read_bytes())
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    (folder / "a.zip").write_bytes(changed)
    with contextlib.suppress(BundleError):
        assert verify(folder / "a.zip") == verify(made)  # a date or a comment: the bundle is the same


def test_a_wrong_answer_fails_the_self_test(bundle: Path, resealed: Resealed) -> None:
    test = json.loads((bundle / "selftest.json").read_bytes())
    test["cases"][0]["prediction"]["score"] -= 0.05
    (bundle / "selftest.json").write_text(json.dumps(test))
    with pytest.raises(BundleError, match="answers it gave") as caught:
        Predictor.open(resealed())
    assert "case 1" in caught.value.where


@pytest.mark.parametrize(
    "text", ["{", '{"tolerance": 1}', '{"tolerance": 1, "cases": [{"input": {}, "prediction": {}}]}']
)
def test_a_damaged_self_test_is_said_so(bundle: Path, resealed: Resealed, text: str) -> None:
    (bundle / "selftest.json").write_text(text)
    with pytest.raises(BundleError, match="self-test is damaged"):
        Predictor.open(resealed())


def test_a_graph_that_is_none_is_said_so(bundle: Path, resealed: Resealed) -> None:
    for data in (b"", b"\x0a\xff\xff\xff\x7f", b"{}", os.urandom(64)):
        (bundle / "graphs/model.onnx").write_bytes(data)
        with pytest.raises(BundleError, match=r"ONNX|empty|onnxruntime"):
            Predictor.open(resealed())


def test_graph_names_must_be_those_of_the_manifest(bundle: Path, resealed: Resealed) -> None:
    changes = change(bundle, lambda m: m["graphs"][0].update(inputs=["ids", "other"]))
    with pytest.raises(BundleError, match="inputs are not those"):
        Predictor.open(resealed(**changes))


def test_opening_a_bundle_imports_nothing_heavy(made: Path) -> None:
    code = (
        "import sys\nfrom modelworks.bundle import Predictor\n"
        f"assert 'onnxruntime' not in sys.modules\nPredictor.open({str(made)!r})\n"
        "heavy = {'torch', 'onnx', 'mlflow', 'model_signing', 'yaml'} & set(sys.modules)\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
