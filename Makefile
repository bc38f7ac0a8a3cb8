# Every target does its own set-up; `make` alone lists them.
.PHONY: help setup demo check test test-systems bench clean

help:          ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup:         ## make .venv with pinned packages (again: nothing to do)
	@scripts/setup

demo: setup    ## train, gate, release and serve on real data
	@scripts/demo

check: setup   ## lint, import rules, types, quick tests: seconds
	@scripts/check

test: setup    ## everything that can be tested on one machine
	@scripts/test

test-systems: setup ## tests that need real outside systems
	@scripts/test-systems

bench: setup   ## all benchmarks; results in benchmarks/results
	@scripts/bench

clean:         ## remove what the targets made (not your projects)
	rm -rf .venv .demo build
