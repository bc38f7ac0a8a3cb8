"""The server: HTTP, admission, batching, records, metrics. `docs/serving.md` says how it behaves and why."""
