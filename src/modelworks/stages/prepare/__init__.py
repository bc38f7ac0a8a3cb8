"""Labelled files -> a validated, split Dataset."""

from modelworks.stages.prepare.convert import convert
from modelworks.stages.prepare.look import Look, look
from modelworks.stages.prepare.run import run

__all__ = ["Look", "convert", "look", "run"]
