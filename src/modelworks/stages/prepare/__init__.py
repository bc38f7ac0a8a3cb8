"""Labelled files -> a validated, split Dataset."""

from modelworks.stages.prepare.run import run

__all__ = ["run"]
