"""Two threads inside one graph call: quicker alone, at the cost of a second core."""

from modelworks.contracts.variant import Variant

VARIANT = Variant(name="threads-2", summary="two threads a request", runtime={"threads": 2})
