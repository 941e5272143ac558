# Everything runs from a local .venv; `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
DEMO_ARGS ?=
BENCH_ARGS ?=
export LIVESHOP_DATA_DIR ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check bench simulate clean lock

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit("liveshop needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# One locked environment serves users and developers: the lock file pins every package by hash.
$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/uv
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --editable .
	@$(BIN)/python -c 'from agents.compiled import compile_all; compile_all()'
	@touch $@

demo: $(VENV)/.installed ## replay a show end to end, live page at http://localhost:8080
	$(BIN)/liveshop demo $(DEMO_ARGS)

test: $(VENV)/.installed ## set everything up and run all tests
	@bash deploy/test-servers.sh
	$(BIN)/python -m pytest

check: $(VENV)/.installed ## format, lint, strict types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/unit/test_imports.py

bench: $(VENV)/.installed ## the short report card: goals, tables and charts in out/report-card
	$(BIN)/python -m benchmarks report-card $(BENCH_ARGS)

simulate: $(VENV)/.installed ## kill anything at any moment, in 10,000 simulated shows
	$(BIN)/python -m tests.simulation search

lock: | $(BIN)/uv ## pin the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --all-extras pyproject.toml -o requirements.lock

clean: ## remove the environment, caches and data
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis data out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
