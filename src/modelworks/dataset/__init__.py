"""Versioned labelled data: a Lance table in an immutable artifact folder, and what tells two versions apart.

Importing this package is cheap: Lance and pyarrow are imported at the first read or write, and
`modelworks.dataset.fingerprint` (is the source data unchanged?) needs neither.
"""

from modelworks.dataset.dataset import Dataset, create
from modelworks.dataset.difference import Difference, diff
from modelworks.dataset.history import Version, versions

__all__ = ["Dataset", "Difference", "Version", "create", "diff", "versions"]
