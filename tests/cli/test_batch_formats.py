"""`batch` writes answers in a format that holds them, by the ending of the file."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from modelworks import starters
from modelworks.cli.batch import command
from modelworks.contracts import format as formats
from modelworks.contracts.format import Reading
from modelworks.kinds import Entities, Entity, Example, Spans, Tagged, TaggedToken, Tags, Text

TAGS = Reading(input="text", target="tags")
LINES = ["I don't like Mondays.", "😀 U.S. readers can't wait!", "  李白 sings  "]


def _answered(folder: Path, name: str, *options: str) -> Path:
    (folder / "in.txt").write_text("\n".join(LINES) + "\n", "utf-8")
    arguments = [str(starters.of_task("part-of-speech-tagging")), str(folder / "in.txt"), str(folder / name), *options]
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder / name


def test_tags_as_conllu_and_as_two_columns(tmp_path: Path) -> None:
    found = {}
    for name in ("conllu", "conll"):
        path = _answered(tmp_path, f"out.{name}")
        found[name] = [one for one in formats.find(name).read(path, TAGS) if isinstance(one, Example)]
        assert [one.id for one in found[name]] == ["in.txt:1", "in.txt:2", "in.txt:3"]
    for one, other in zip(found["conllu"], found["conll"], strict=True):
        assert isinstance(one.target, Tags)
        assert isinstance(other.target, Tags)
        assert one.target.tags == other.target.tags
        assert isinstance(one.input, Text)
        assert "".join(one.input.text.split()) in {"".join(line.split()) for line in LINES}


def test_other_endings_are_json(tmp_path: Path) -> None:
    lines = _answered(tmp_path, "out.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 3
    assert lines[0].startswith('{"tokens":[{"word":"I","tag":"PRON"')


def test_a_bad_line_stands_as_a_comment(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "Rain falls."}\n{"no": 1}\n{"text": "Stop"}\n', "utf-8")
    arguments = [str(starters.of_task("pos")), str(tmp_path / "in.jsonl"), str(tmp_path / "out.conllu"), "--skip-bad"]
    assert CliRunner().invoke(command, arguments, catch_exceptions=False).exit_code == 0
    written = (tmp_path / "out.conllu").read_text("utf-8")
    assert "# error = " in written
    assert len(list(formats.find("conllu").read(tmp_path / "out.conllu", TAGS))) == 2


def test_pieces_are_what_write_writes(tmp_path: Path) -> None:
    text = Text("Ada sings")
    tagged = Tagged((TaggedToken("Ada", "PROPN", 0.9, 0, 3), TaggedToken("sings", "VERB", 0.8, 4, 9)))
    entities = Entities((Entity("person", 0.9, "Ada", 0, 3),))
    for name, targets in (("conllu", [tagged]), ("conll", [tagged, entities])):
        leaf = formats.find(name)
        assert leaf.piece is not None
        assert leaf.write is not None
        examples = [Example(f"e{n}", text, target) for n, target in enumerate(targets)]
        leaf.write(tmp_path / name, examples)
        assert (tmp_path / name).read_bytes() == b"".join(map(leaf.piece, examples))
    (one,) = list(formats.find("conll").read(_written(tmp_path, entities), Reading(input="text", target="spans")))
    assert isinstance(one, Example)
    assert isinstance(one.target, Spans)
    assert [(s.start, s.end, s.label) for s in one.target.spans] == [(0, 3, "person")]


def _written(folder: Path, target: Entities) -> Path:
    leaf = formats.find("conll")
    assert leaf.piece is not None
    path = folder / "one.conll"
    path.write_bytes(leaf.piece(Example("a", Text("Ada sings"), target)))
    return path
