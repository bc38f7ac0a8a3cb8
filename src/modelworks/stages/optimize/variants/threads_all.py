"""Every core inside one graph call: the quickest answer to a lone request."""

import os

from modelworks.contracts.variant import Variant

VARIANT = Variant(name="threads-all", summary="all cores a request", runtime={"threads": os.cpu_count() or 1})
