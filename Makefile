# simlet: `make help` lists what can be done here.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8080
# Each port has its own demo, so that a second one can run beside the first.
DEMO := .demo$(if $(filter-out 8080,$(PORT)),/$(PORT))
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
# Two tests' databases at a time are what a small machine bears.
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)

.DEFAULT_GOAL := help
.PHONY: help demo test peers assets quick lint bench fix requirements clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: $(RUNTIME) assets ## start simlet with pretend lines, and print a whole round to try; PORT=8081 if 8080 is taken
	@$(BIN)/simlet demo --port $(PORT) --data $(DEMO)

test: lint peers assets ## install what is needed and run every check and every test
	$(BIN)/python -m pytest -n $(WORKERS)

peers: ## install the other sides that tests talk to, where this machine allows it
	@tests/peers/install.sh

assets: ## fetch the script of the page /docs, where npm is there
	@assets/install.sh

quick: $(DEVELOPMENT) ## the tests on SQLite alone, without the slow stories
	$(BIN)/python -m pytest -n $(WORKERS) -k "not postgresql and not stories"

lint: $(DEVELOPMENT) ## style, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(DEVELOPMENT) ## measure, as ratios against public yardsticks
	$(BIN)/python -m bench

fix: $(DEVELOPMENT) ## format, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

requirements: $(DEVELOPMENT) ## pin the requirements again, with hashes
	cd requirements && ../$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-header -q runtime.in -o runtime.txt
	cd requirements && ../$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-header -q build.in -o build.txt
	cd requirements && ../$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-header -q dev.in -o dev.txt

clean: ## remove the environment, the peers' modules, caches and the demo's data
	rm -rf $(VENV) .peers .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements/runtime.txt requirements/build.txt pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --require-hashes -r requirements/runtime.txt
	$(BIN)/pip install --quiet --require-hashes -r requirements/build.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEVELOPMENT): requirements/dev.txt $(RUNTIME)
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@
