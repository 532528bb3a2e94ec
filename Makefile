# One vocabulary for people, hooks and CI. Needs Python 3.11+, git and make; everything else is
# installed here, with hashes, into .venv. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
UV := $(or $(shell command -v uv),.uv/bin/uv)
export UV_PYTHON_DOWNLOADS := never
# its notice of a successor would hide real warnings
export NO_MKDOCS_2_WARNING := 1
# Else every process that a test starts would compile Dealcast anew.
unexport PYTHONDONTWRITEBYTECODE
DEMO_ROOT ?= data/demo
# One more than two cores: some tests wait for servers, which leaves a core idle.
PYTEST_JOBS ?= 3
# The order of the tree, in which the longest files do not come last.
PYTEST := $(BIN)/pytest -n $(PYTEST_JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: help demo install fmt lint type test test-slow cov fuzz kills fixture peers bench docs audit sbom check lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.uv/bin/uv:
	@echo "uv was not found: installing it into .uv"
	@$(PYTHON) -m venv .uv
	@.uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt

$(BIN)/python: | $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv

.venv/.core: requirements/core.txt pyproject.toml | $(BIN)/python
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/core.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.core
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

demo: .venv/.core  ## generated data, all steps, on local files: the main job and its result
	@$(BIN)/dealcast run --source sample --root $(DEMO_ROOT)

install: .venv/.dev  ## everything a developer needs

fmt: .venv/.dev  ## format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

lint: .venv/.dev  ## style, format and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache

type: .venv/.dev  ## strict types
	@$(BIN)/mypy

test: .venv/.dev  ## the default tests
	@$(PYTEST) -m "not slow" $(ARGS)

test-slow: .venv/.dev  ## the slow ones
	@$(PYTEST) -m slow $(ARGS)

cov: .venv/.dev  ## the default tests with coverage of the core, at least 90 %
	@$(PYTEST) -m "not slow" --cov --cov-report=term --cov-fail-under=90 $(ARGS)

fixture: .venv/.dev  ## keep a small store of this release, for the tests of later ones
	@$(BIN)/python tests/fixtures/make_store.py

fuzz: N ?= 5000
fuzz: .venv/.dev  ## hostile exports, as many as wanted (N=5000); those that fail are kept in data/fuzz
	@POLARS_MAX_THREADS=1 $(BIN)/python -m tests.fuzzing.many $(N) $(ARGS)

kills: N ?= 200
kills: .venv/.dev  ## `kill -9` of runs, a quarter on S3 (N=200); stores that come out wrong: data/kills
	@PYTHONPATH=tests $(BIN)/python -m tests.crash.many $(N) $(ARGS)

# What Dealcast is measured against, each in an environment of its own.
PEERS := featuretools feast
.venv-peers/%/.made: benchmarks/peers/%.txt | $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(@D)
	@$(UV) pip install --quiet --compile-bytecode --python $(@D)/bin/python --require-hashes -r $<
	@touch $@

peers: $(PEERS:%=.venv-peers/%/.made)  ## the environments of the libraries measured against

SIZES ?= modest
bench: .venv/.dev peers  ## measure, beside the alternatives, into docs/scale.md (SIZES=full: hours)
	@$(BIN)/python benchmarks/suite.py --sizes $(SIZES) $(ARGS)
	@$(BIN)/python benchmarks/scale.py

docs: .venv/.dev  ## the site, with the generated pages, into site/
	@$(BIN)/python docs/generate.py
	@$(BIN)/mkdocs build --strict --quiet

# The tools that look at dependencies stay apart from them.
.venv-audit/.made: requirements/audit.txt | $(UV)
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) $(@D)
	@$(UV) pip install --quiet --python $(@D)/bin/python --require-hashes -r $<
	@touch $@

audit: .venv-audit/.made  ## known vulnerabilities of all locked packages (AUDIT=required: must be known)
	@$(<D)/bin/python .ci/audit.py requirements/dev.txt requirements/audit.txt requirements/uv.txt

sbom: .venv-audit/.made  ## a CycloneDX bill of materials of all locked packages, into dist/
	@$(<D)/bin/python .ci/sbom.py requirements/dev.txt dist/dealcast.cdx.json

check: lint type cov docs  ## all that CI checks before the slow tests

LOCK := $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11
PRODUCTION := --extra boosting --extra kaggle --extra mlflow --extra prefect --extra sql
lock: | $(UV)  ## lock the newest versions that work together
	@$(LOCK) --upgrade --group build pyproject.toml -o requirements/core.txt
	@$(LOCK) --upgrade --group build --group dev --group docs --all-extras -c requirements/core.txt pyproject.toml -o requirements/dev.txt
	@$(LOCK) --upgrade --group build $(PRODUCTION) -c requirements/dev.txt pyproject.toml -o requirements/production.txt
	@echo uv | $(LOCK) --upgrade - -o requirements/uv.txt
	@printf 'cyclonedx-bom\npip-audit\n' | $(LOCK) --upgrade - -o requirements/audit.txt
	@for peer in $(PEERS); do $(LOCK) --upgrade benchmarks/peers/$$peer.in -o benchmarks/peers/$$peer.txt; done

clean:  ## remove what was installed and built
	@rm -rf .venv .venv-audit .venv-peers .uv site .mypy_cache .ruff_cache .pytest_cache
