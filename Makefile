# Needs Python 3.11 or later and Java 17 or later; everything else it fetches into .venv and .cache.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
WORKERS ?= 2

# The first Python that is new enough; PYTHON=… names another.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

PYTEST := $(BIN)/python -m pytest -n $(WORKERS)

.PHONY: help venv demo servers fetch test test-all crash crash-hdfs bench bench-source lint format docs clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(READY) ## Create .venv with all that is pinned in constraints.txt

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or later found; install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "creating $(VENV) with $(PYTHON)"; "$(PYTHON)" -m venv $(VENV); } || \
		{ rm -rf $(VENV); echo "error: $(PYTHON) cannot create a venv; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "installing what constraints.txt pins (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $(READY)

demo: $(READY) ## Run the main job on a real HBase and a real metastore, and watch it
	@$(BIN)/python -m devservers.demo

servers: $(READY) ## Start a real HBase and a real metastore, and keep them up
	@$(BIN)/python -m devservers up

fetch: $(READY) ## Fetch what the real servers need (once)
	@$(BIN)/python -m devservers fetch jars hive4 hbasehandler kafka

test: lint fetch ## Format check, lint, types, and all tests but the long ones
	$(PYTEST) -m 'not slow'

test-all: lint fetch ## The same with the long suites
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[hive42]'
	@$(BIN)/python -m devservers fetch hiveserver2 hive42
	$(PYTEST)

crash: $(READY) ## Kill a loader at every effect, with and without power loss, and count what was survived
	@$(BIN)/python -m tests.crash

crash-hdfs: $(READY) ## The same without power loss on a real HDFS, started for it: some 20 minutes on 2 cores
	@$(BIN)/python -m devservers fetch hdfs
	@$(BIN)/python -m tests.crash --hdfs

bench: fetch ## Measure the merge against its peers: a table, bench/results/merge.json, docs/merge.svg
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	@$(BIN)/python -m bench

bench-source: fetch ## Measure scans, re-reads and polls against HBase's Java client: bench/results/source.json
	@$(BIN)/python -m bench.source

lint: $(READY) ## Format check, lint and strict type check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY) ## Format the source, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## Write docs/cli.md and docs/configuration.md again
	$(BIN)/python docs/generate.py

clean: ## Remove what tests and builds left behind (not .venv, not .cache)
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-data metastore_db derby.log spark-warehouse
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
