# Two commands are enough: `make run` and `make test`. Both fetch what is missing and are quick
# the second time.

SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
BUILD := $(BIN)/python hatch_build.py
PYTEST := $(BIN)/pytest -q
PUMP := src/stepflow/process/stepflow-pump
PAGE := src/stepflow/web/static/index.html
NODE_MODULES := ui/node_modules/.package-lock.json
PAGE_CHECKED := ui/node_modules/.checked
UI_SOURCES := $(shell find ui/src ui/public -type f) ui/index.html ui/vite.config.ts ui/package.json

help:
	@echo 'make run          start the server, with an example to watch'
	@echo 'make test         run all tests'
	@echo 'make check        format, lint, types, import contracts, documentation'
	@echo 'make bench        measure, against something run beside it'
	@echo 'make setup        prepare everything, start nothing'
	@echo 'make fuzz         look for bytes that break the parser, for MINUTES=20'
	@echo 'make test-deploy  install and start it in every way that the README names'
	@echo 'make lock         refresh the pinned requirements'

setup: $(VENV)/.installed $(PUMP) $(PAGE)

run: setup
	@scripts/run-with-example

test: setup $(VENV)/.dev-installed
	@scripts/need-chromium
	$(BUILD) npm run test
	@# Real processes beside each other on a busy machine: what fails is tried once more, alone.
	$(PYTEST) -n 2 --dist loadfile $(or $(TESTS),--ignore=tests/deploy) \
		|| $(PYTEST) --last-failed --last-failed-no-failures none $(or $(TESTS),--ignore=tests/deploy)

check: setup $(VENV)/.dev-installed $(PAGE_CHECKED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry .
	$(BIN)/vulture
	$(PYTEST) tests/docs

bench: setup $(VENV)/.dev-installed
	$(BIN)/python bench/run.py $(BENCH)

# Its findings are left in .fuzz/; atheris stays out of the lists, since only this needs it.
fuzz: setup $(VENV)/.dev-installed
	@test -d $(VENV)/fuzz || $(PIP) --no-deps --target $(VENV)/fuzz atheris==3.0.0
	@mkdir -p .fuzz
	cd .fuzz && PYTHONPATH=$(CURDIR)/$(VENV)/fuzz $(CURDIR)/$(BIN)/python \
		$(CURDIR)/tests/fuzz/fuzz_markers.py corpus -max_len=400 -timeout=20 \
		-max_total_time=$$(( $(or $(MINUTES),20) * 60 ))

test-deploy: setup $(VENV)/.dev-installed
	$(PYTEST) tests/deploy

lock: $(VENV)/.dev-installed
	$(BIN)/python scripts/lock.py

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'StepFlow Monitor needs Python 3.11 or newer: make PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null \
		|| { rm -rf $(VENV); echo 'the module venv is missing: apt-get install python3-venv'; exit 1; }

$(VENV)/.installed: requirements/setup.txt requirements/node.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements/setup.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@$(BUILD) has-node || $(PIP) --require-hashes -r requirements/node.txt
	@touch $@

$(VENV)/.dev-installed: requirements/dev.txt $(VENV)/.installed
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(PUMP): src/pump/pump.c | $(VENV)/.installed
	@$(BUILD) pump

$(NODE_MODULES): ui/package-lock.json | $(VENV)/.installed
	$(BUILD) npm ci

$(PAGE): $(NODE_MODULES) $(UI_SOURCES)
	$(BUILD) ui

# Once for the same sources: it takes longer than all the rest of `make check`.
$(PAGE_CHECKED): $(NODE_MODULES) $(shell find ui -name node_modules -prune -o -type f -print)
	$(BUILD) npm run check
	$(BUILD) npm run lint
	$(BUILD) npm run format
	@touch $@

.PHONY: help setup run test check bench fuzz test-deploy lock
