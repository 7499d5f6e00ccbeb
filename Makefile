.DEFAULT_GOAL := help
.PHONY: help setup repro sweep verify review test test-slow test-all lint lock bench remote clean
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
	@python -c 'import ctypes.util, sys; sys.exit("error: libgomp.so.1 is missing, LightGBM needs it; try apt-get install libgomp1" if sys.platform == "linux" and not ctypes.util.find_library("gomp") else 0)'
	python -m pip install -q --require-hashes -r requirements.txt
	python -m pip install -q --no-deps --no-build-isolation -e .
	touch $@

.venv/dev: .venv/core requirements/dev.txt
	python -m pip install -q --require-hashes -r requirements/dev.txt
	touch $@

setup: .venv/core ## make .venv with the locked environment; Git's merge drivers for what DVC writes
	@python src/fullcycle/operations/lockmerge.py --install

repro: setup ## rebuild everything that changed: dvc repro on the real data
	@python src/fullcycle/operations/mend.py
	dvc repro

sweep: setup ## search the space of params.yaml; every trial becomes a DVC experiment
	fullcycle sweep

verify: setup ## run each stage alone from what it declares; compare with dvc.lock
	fullcycle verify

review: setup ## what this work tree changes, on one page: make review [BASE=main]
	@fullcycle review $(if $(BASE),--base '$(BASE)')

test: .venv/dev ## the fast tests (under 6 minutes)
	pytest -m "not slow and not service" -n 2 -o faulthandler_timeout=120

test-slow: .venv/dev ## the slow tests: whole runs, kills, real servers on loopback
	pytest -m "slow or service" -n 2

test-all: test test-slow ## every test

lint: .venv/dev ## ruff, mypy strict, import contracts, the pipeline's declarations
	ruff check
	ruff format --check
	mypy
	lint-imports
	fullcycle lint

lock: ## compile the locked requirements from pyproject.toml
	$(PYTHON) -m venv .venv/lock && .venv/lock/bin/pip install -q uv
	.venv/lock/bin/$(UV_LOCK) -o requirements.txt
	.venv/lock/bin/$(UV_LOCK) --group dev --extra scale -c requirements.txt -o requirements/dev.txt

bench: .venv/dev ## what a run, the features and a sweep cost, beside a trivial pipeline and other libraries (30 min)
	python bench/pipeline.py
	python bench/features.py
	python bench/sweep.py

# Credentials never stand in .dvc/config: dvc takes them from the environment (AWS_ACCESS_KEY_ID, AWS_PROFILE ...)
# or from .dvc/config.local (dvc remote modify --local store access_key_id ...), which Git does not see.
remote: setup ## your own store: make remote URL=s3://bucket/path [ENDPOINT=https://host:port]
	@[[ -n '$(URL)' ]] || { echo 'error: URL is empty; try make remote URL=s3://bucket/path' >&2; exit 1; }
	@[[ '$(URL)' == s3://?* ]] || { echo 'error: URL must begin with s3:// and name a bucket' >&2; exit 1; }
	@[[ '$(URL)$(ENDPOINT)' != *[@?]* ]] || { echo 'error: URL and ENDPOINT take no credentials: put them into the environment or .dvc/config.local' >&2; exit 1; }
	dvc remote add -q -d -f store '$(URL)'
	$(if $(ENDPOINT),dvc remote modify -q store endpointurl '$(ENDPOINT)')
	@echo 'The default remote is now $(URL) (.dvc/config): commit it, then dvc push.'

clean: ## remove what can be rebuilt (not the DVC cache)
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
