"""A graphics card is used where there is one; what it lacks is said in words. The rest of the suite runs on the card
too, on a machine that has one."""

from __future__ import annotations

import pytest
import torch
from learn_fixtures import tiny_text_model
from test_training import Told, train

from modelworks.core.errors import ConfigError, StepError
from modelworks.stages.learn import loop, pacing, place
from modelworks.stages.learn.families.token import Compact, TokenFamily
from modelworks.stages.learn.ranks import Ranks

card = pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card")


TASK, SHORT = "named-entity-recognition", {"epochs": 2}


def test_memory_that_is_used_up_is_said_with_advice(tmp_path, monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB\nmore")

    monkeypatch.setattr(TokenFamily, "loss", full)
    with pytest.raises(StepError, match="too little memory") as caught:
        train(tmp_path, TASK, options=SHORT)
    assert "20.00 GiB" in str(caught.value.seen)
    assert "batch_size" in caught.value.hint


@card
@pytest.mark.parametrize("model", ["compact", "pretrained"])
def test_training_uses_the_card(tmp_path, model):
    tiny_text_model(tmp_path / "tiny")
    torch.cuda.reset_peak_memory_stats()
    facts = train(tmp_path, TASK, "tiny" if model == "pretrained" else model, SHORT)
    assert facts["steps"] > 0
    assert torch.cuda.max_memory_allocated() > 0


@card
def test_bfloat16_is_chosen_by_the_card_and_not_by_the_processor(monkeypatch):
    monkeypatch.setattr(place, "fast_math", lambda where: where.type == "cuda")
    assert loop.bfloat16(Compact(fast_math=True))
    assert not loop.bfloat16(Compact(fast_math=False))


@card
def test_time_is_taken_when_the_card_has_finished():
    where, matrix = place.device(), torch.ones(4096, 4096, device="cuda")
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    events[0].record()
    for _ in range(20):
        matrix = matrix @ matrix / 4096
    events[1].record()
    place.finish(where)
    assert events[1].query(), "the card was still at work"


def test_what_cannot_be_repeated_is_said_and_used(tmp_path, monkeypatch):
    """With a card that is none: `exactly` alone knows what an operation without a repeatable way does."""
    plain = TokenFamily.loss

    def loss(*given):
        if not torch.is_deterministic_algorithms_warn_only_enabled():
            raise RuntimeError("some_kernel does not have a deterministic implementation, but you set …")
        return plain(*given)

    monkeypatch.setattr(TokenFamily, "loss", loss)
    monkeypatch.setattr(pacing, "exactness", lambda module: True)
    told = Told()
    facts = train(tmp_path, TASK, options=SHORT, progress=told)
    assert facts["steps"] > 0
    assert any("bit by bit" in line for line in told.said)


def test_parts_want_a_card_for_each_process(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_backend_config", lambda: "cpu:gloo,cuda:gloo")
    with pytest.raises(ConfigError, match="one for each process"):
        Ranks(0, 2).sharded(torch.nn.Linear(2, 2))
