.DEFAULT_GOAL := help
.PHONY: help setup repro sweep test test-all lint lock bench remote clean
SHELL := /bin/bash
PYTHON ?= python3
# The environment first on PATH: dvc and the stages it starts find their python there.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
UV_LOCK := uv pip compile -q --universal --python-version 3.11 --fork-strategy fewest --generate-hashes --no-emit-index-url --custom-compile-command "make lock" pyproject.toml

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/core: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(f"Python {sys.version.split()[0]} is too old: 3.11 or newer; try make PYTHON=python3.11 setup" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	python -m pip install -q --require-hashes -r requirements.txt
	python -m pip install -q --no-deps --no-build-isolation -e .
	touch $@

.venv/dev: .venv/core requirements/dev.txt
	python -m pip install -q --require-hashes -r requirements/dev.txt
	touch $@

setup: .venv/core ## make .venv with the locked environment

repro: setup ## rebuild everything that changed: dvc repro on the real data
	dvc repro

sweep: setup ## search the space of params.yaml; every trial becomes a DVC experiment
	fullcycle sweep

test: .venv/dev ## the fast tests (under 6 minutes)
	pytest -m "not slow and not service" -n 2

test-all: .venv/dev ## every test, with real servers on loopback
	pytest -n 2

lint: .venv/dev ## ruff, mypy strict, import contracts
	ruff check
	ruff format --check
	mypy
	lint-imports

lock: ## compile the locked requirements from pyproject.toml
	$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install -q uv
	.venv/lock/bin/$(UV_LOCK) -o requirements.txt
	.venv/lock/bin/$(UV_LOCK) --group dev --extra scale -c requirements.txt -o requirements/dev.txt

clean: ## remove what can be rebuilt (not the DVC cache)
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
