# The two commands of the README are `make demo` and `make test`. Each sets up what it needs and is safe to repeat.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
SPARK  := $(VENV)/.spark

# Nothing that runs here reports to anybody.
export DAGSTER_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
export GX_ANALYTICS_ENABLED := false

.DEFAULT_GOAL := help
.PHONY: help setup data demo up test explore peers check lint bench bench-full study lock clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python must be 3.11 or newer, {sys.executable} is {v.major}.{v.minor}: name another one with make PYTHON=python3.12 {chr(46)}{chr(46)}{chr(46)}")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once, a minute or two)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps -e .
	@touch $@

$(SPARK): $(READY) requirements-spark.lock
	@echo "installing Spark for the tests (once, a minute)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements-spark.lock
	@touch $@

setup: $(READY)  ## install what is locked, into .venv

data: $(READY)  ## fetch the public data that the shipped systems declare, once
	@$(BIN)/aims fetch

demo: $(READY)  ## the main job: both shipped systems, from landing to the register
	@$(BIN)/aims demo

up: $(READY)  ## the Dagster pages on http://127.0.0.1:3000
	@$(BIN)/aims up

test: $(READY) $(SPARK) data  ## all tests
	@$(BIN)/python -m pytest

explore: $(READY) $(SPARK) data  ## new examples for every property, a thousand each where `make test` repeats a hundred
	@$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=explore

peers: $(READY)  ## what the peers published, through `aims import` and back: fetches their repositories from GitHub
	@$(BIN)/python -m tests.peers

check: $(READY) data lint test  ## everything that must be green: format, lint, types, imports, tests, the graph
	@$(BIN)/dagster definitions validate -w workspace.yaml

lint: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(READY)  ## what a batch costs, beside the peers on the same files: up to 1e6 rows, some minutes
	@$(BIN)/python -m benchmarks run

bench-full: $(READY)  ## the same with 1e7 and 1e8 rows: 20 GB of disk, about an hour
	@$(BIN)/python -m benchmarks run --full

study: $(READY)  ## the simulation study: false alarms, power, coverage; about ten minutes
	@$(BIN)/python -m benchmarks study

LOCK   := $(BIN)/uv pip compile --quiet --universal --no-strip-extras --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11
lock: $(READY)  ## resolve pyproject.toml anew, for every platform, with hashes
	@$(BIN)/python -m pip install --quiet 'uv>=0.9'
	@$(LOCK) --group dev pyproject.toml -o requirements.lock
	@$(LOCK) --group pyproject.toml:spark -o requirements-spark.lock

clean:  ## forget the environment and the state; the cache of fetched data stays
	rm -rf $(VENV) .aims
