"""`predict`, `batch`, and how a BUNDLE argument is found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import streaming
from click.testing import CliRunner
from tiny_bundles import make_text_bundle, picture

from modelworks import kinds
from modelworks.bundle import open_manifest, pack
from modelworks.cli import _bundles, batch, predict
from modelworks.core import lock, paths
from modelworks.core.errors import ConfigError, DataError
from modelworks.core.progress import Silent
from modelworks.kinds import Text


def invoke(command, *arguments: str, **more):
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False, **more)


# predict


def test_predict_draws_a_table(text_bundle):
    shown = invoke(predict.command, "--bundle", str(text_bundle), "a good film", "x" * 100).output
    assert "a good film" in shown
    assert "prediction" in shown
    assert "x" * 59 + "…" in shown


def test_predict_reads_texts_from_standard_input(text_bundle, predictor):
    shown = invoke(predict.command, "--bundle", str(text_bundle), "--json", "-", input="good\n\nbad\n").output
    assert shown.encode().splitlines() == [kinds.encode(p) for p in predictor.predict([Text("good"), Text("bad")])]


def test_predict_reads_pictures_from_files(image_bundle, tmp_path):
    (tmp_path / "a.png").write_bytes(picture(3))
    shown = invoke(predict.command, "--bundle", str(image_bundle), "--json", str(tmp_path / "a.png")).output
    assert json.loads(shown)["label"]
    with pytest.raises(DataError, match="cannot read"):
        invoke(predict.command, "--bundle", str(image_bundle), str(tmp_path / "none.png"))


def test_predict_writes_as_it_goes_and_takes_further_fields(tmp_path):
    with streaming.vocabulary():
        bundle = streaming.make_writer(tmp_path / "bundle")
        asked = ("--bundle", str(bundle), "abcdef")
        assert invoke(predict.command, *asked, "--stream").output == "w0 w1 w2 w3 w4 w5 \n"
        shorter = invoke(predict.command, *asked, "--json", "--with", 'sampling={"max_tokens": 2}').output
        assert json.loads(shorter)["text"] == "w0 w1 "
        for wrong in ("sampling={", "sampling=3", "colour=1"):
            with pytest.raises(ConfigError) as caught:
                invoke(predict.command, *asked, "--with", wrong)
            assert caught.value.where == "--with"


def test_predict_refuses_what_is_not_utf_8(text_bundle):
    with pytest.raises(DataError, match="not UTF-8"):
        invoke(predict.command, "--bundle", str(text_bundle), "-", input=b"good \xff")


# batch


@pytest.fixture
def lines(tmp_path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text(
        "".join(json.dumps({"text": f"good film {'bad ' * (n % 40)}", "id": n}) + "\n" for n in range(1000))
    )
    return path


def run(predictor, source: Path, target: Path, **more):
    return batch.run(predictor, source, target, **{"skip_bad": False, "progress": Silent(), **more})


def expected(predictor, source: Path) -> bytes:
    texts = [Text(json.loads(line)["text"]) for line in source.read_text().splitlines()]
    return b"".join(kinds.encode(p) + b"\n" for p in predictor.predict(texts))


def test_batch_answers_every_line_in_order(predictor, lines, tmp_path):
    facts = run(predictor, lines, tmp_path / "out.jsonl")
    assert (facts["lines"], facts["bad"]) == (1000, 0)
    assert (tmp_path / "out.jsonl").read_bytes() == expected(predictor, lines)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_batch_reads_a_plain_text_a_line(predictor, lines, tmp_path):
    texts = [json.loads(line)["text"] for line in lines.read_text().splitlines()]
    (tmp_path / "in.txt").write_text("\n".join(texts))
    facts = run(predictor, tmp_path / "in.txt", tmp_path / "out.jsonl")
    assert facts["lines"] == 1000
    assert (tmp_path / "out.jsonl").read_bytes() == expected(predictor, lines)
    (tmp_path / "in.txt").write_bytes(b"good\nb\xff\n")
    with pytest.raises(DataError, match=r"in\.txt:2"):
        run(predictor, tmp_path / "in.txt", tmp_path / "other.jsonl")


BAD = ['{"text": "a"', '{"txt": "a"}', '{"text": 3}', "[]", "", json.dumps({"text": "x" * 3_000_000})]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_line_is_named_and_what_came_before_is_kept(predictor, lines, tmp_path, bad):
    rows = lines.read_text().splitlines()
    lines.write_text("\n".join([*rows[:700], bad, *rows[700:]]) + "\n")
    with pytest.raises(DataError, match=r"in\.jsonl:701") as caught:
        run(predictor, lines, tmp_path / "out.jsonl")
    assert "--skip-bad" in caught.value.hint
    assert not (tmp_path / "out.jsonl").exists()
    assert (tmp_path / "out.jsonl.part").read_bytes().count(b"\n") == 512

    facts = run(predictor, lines, tmp_path / "out.jsonl", skip_bad=True)
    answers = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert (facts["lines"], facts["bad"]) == (1001, 1)
    assert json.loads(answers[700])["where"] == f"{lines}:701"
    assert b"".join(a + b"\n" for a in answers[:700]) == expected(predictor, lines_of(tmp_path, rows[:700]))


def lines_of(folder: Path, rows: list[str]) -> Path:
    path = folder / "some.jsonl"
    path.write_text("\n".join(rows) + "\n")
    return path


class Stop(Silent):
    """Stops the run after some lines."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, done: float = 1, **facts) -> None:
        self.left -= done
        if self.left < 0:
            raise KeyboardInterrupt


class Counting:
    """A predictor that counts what it prepares."""

    def __init__(self, predictor) -> None:
        self._predictor, self.prepared = predictor, 0

    def __getattr__(self, name):
        return getattr(self._predictor, name)

    def prepare(self, inputs):
        self.prepared += len(inputs)
        return self._predictor.prepare(inputs)


def test_a_stopped_run_goes_on_where_it_was(predictor, lines, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(predictor, lines, tmp_path / "out.jsonl", progress=Stop(500))
    with (tmp_path / "out.jsonl.part").open("ab") as part:
        part.write(b'{"half a li')
    counting = Counting(predictor)
    run(counting, lines, tmp_path / "out.jsonl")
    assert counting.prepared == 1000 - 512
    assert (tmp_path / "out.jsonl").read_bytes() == expected(predictor, lines)


@pytest.mark.parametrize("change", ["input", "bundle", "part"])
def test_a_run_over_something_else_begins_anew(predictor, lines, tmp_path, change):
    with pytest.raises(KeyboardInterrupt):
        run(predictor, lines, tmp_path / "out.jsonl", progress=Stop(500))
    if change == "input":
        lines.write_text(lines.read_text().replace("good", "fine", 1))
    if change == "bundle":
        from modelworks.bundle import Predictor

        predictor = Predictor.open(make_text_bundle(tmp_path / "other", seed=5))
    if change == "part":
        (tmp_path / "out.jsonl.part").write_bytes(b"")
    counting = Counting(predictor)
    run(counting, lines, tmp_path / "out.jsonl")
    assert counting.prepared == 1000
    assert (tmp_path / "out.jsonl").read_bytes() == expected(predictor, lines)


@pytest.mark.slow
def test_kill_9_in_the_middle_loses_nothing(text_bundle, predictor, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": f"good {n} {'bad ' * (n % 30)}"}) + "\n" for n in range(40_000)))
    script = "from modelworks.cli.main import main; main()"
    command = [sys.executable, "-c", script, "batch", str(text_bundle), str(source), str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (tmp_path / "out.part.json").exists():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out").exists()
    done = json.loads((tmp_path / "out.part.json").read_text())["lines"]
    assert 0 < done < 40_000
    counting = Counting(predictor)
    run(counting, source, tmp_path / "out")
    assert counting.prepared == 40_000 - done
    assert (tmp_path / "out").read_bytes() == expected(predictor, source)


# BUNDLE


def test_a_bundle_is_found_by_folder_zip_channel_and_id(project, text_bundle, tmp_path):
    identity = open_manifest(text_bundle).id
    pack(text_bundle, tmp_path / "b.zip")
    kept = paths.bundle(project, identity)
    kept.parent.mkdir(parents=True)
    kept.symlink_to(text_bundle)
    (project / "modelworks.yaml").write_text("name: t\ntask: sentiment-analysis\ndata: {}\n")
    lock.write(project, lock.Lock(channels={"champion": 1}, releases=(lock.Pin(bundle=identity, version=1),)))
    for text in (str(text_bundle), str(tmp_path / "b.zip"), "champion", identity[:8]):
        assert _bundles.resolve(text).exists()
    with pytest.raises(ConfigError, match="did you mean 'champion'"):
        _bundles.resolve("champoin")


def test_outside_a_project_a_bundle_is_a_path(project):
    with pytest.raises(ConfigError, match="no bundle 'champion' here") as caught:
        _bundles.resolve("champion")
    assert "folder or a .zip" in str(caught.value)


OPENING = """
import time
from modelworks.serve.server import serve
class Opening:
    async def run(self, started):
        print("opening", flush=True)
        time.sleep(60)
serve(Opening(), print)
"""


def test_sigterm_while_the_model_is_opened_ends_the_process():
    """Without a handler, process 1 of a container would not hear it."""
    process = subprocess.Popen([sys.executable, "-c", OPENING], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "opening\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    process.stdout.close()


def test_a_container_names_bundle_and_settings_by_its_environment(text_bundle, tmp_path):
    named = {"MODELWORKS_BUNDLE": str(text_bundle), "MODELWORKS_SERVE": '{"port": 0, "records": false}'}
    command = [sys.executable, "-m", "modelworks", "serve", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env={**os.environ, **named})
    said = json.loads(process.stdout.readline())
    assert said["bundle"] == open_manifest(text_bundle).id
    assert not said["url"].endswith(":8080")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    process.stdout.close()
