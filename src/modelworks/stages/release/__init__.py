"""From a passed verdict to a release: the bundle kept and signed, the lock changed in one transaction, the registry
told in the background. A registry that is slow or away never blocks or undoes a release: the lock is the truth."""

from modelworks.stages.release.channels import promote, rollback
from modelworks.stages.release.outbox import pending, put_moved, sink_of, start, sync, uri_of
from modelworks.stages.release.step import restore, run

__all__ = ["pending", "promote", "put_moved", "restore", "rollback", "run", "sink_of", "start", "sync", "uri_of"]
