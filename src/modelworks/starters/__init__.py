"""Starters: a bundle for each task that answers before anything is trained (`modelworks predict --task NAME …`).

A starter is an entry of this folder: `<name>.zip`, a small bundle that this repository's own recipe made
(`examples/starters/`), or `<name>.json`, a recipe that builds a bundle once, in seconds, from the files of an
installed package of weights. Those files are checked by hash and read as data; what is built lies in the user's cache.
"""

from modelworks.starters.recipe import Recipe, Weights
from modelworks.starters.shelf import Starter, build, find, listed, of_task, remove

__all__ = ["Recipe", "Starter", "Weights", "build", "find", "listed", "of_task", "remove"]
