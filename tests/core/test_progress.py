"""Progress in plain lines."""

from __future__ import annotations

from modelworks.core.progress import Lines


def test_the_time_left_is_told_once_something_is_done(capsys):
    lines = Lines(every=0.0)
    lines.start("training", 10, "steps")
    lines.advance(0, scored=0.5)
    assert capsys.readouterr().err == "training: 0/10 steps scored=0.5\n"
    lines.advance(5)
    told = capsys.readouterr().err
    assert told.startswith("training: 5/10 steps (about 0 s left)")
    lines.start("reading", None, "rows")
    lines.advance(3)
    assert capsys.readouterr().err == "reading: 3 rows\n"
