"""Outside systems for which `modelworks export` writes files. One file a system; what several share begins with `_`."""
