# The project's commands. They need Python 3.10 or newer, git and make; everything else is installed in .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
SCENARIO ?= green
RUNS ?= 100
SECONDS ?= 60
UV := uv==0.13.8
MUTMUT := mutmut==3.8.1
PIP_AUDIT := pip-audit==2.10.1

VENV := .venv
RUN := $(VENV)/bin/python
MUTATION := .venv-mutation
FUZZING := .venv-fuzz
READY := $(VENV)/.ready
SCRIPTS := .ci/run composite/run.sh $(wildcard release/scripts/*.sh)
COGGED := action.yml action-types.yml composite/action.yml README.md docs/platforms.md docs/migration.md docs/recipes.md

# Settings of the caller that would send packages elsewhere or change what this Python imports.
# Those that say where packages come from (index, certificates, proxies) stay.
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_CONSTRAINT PIP_REQUIREMENT PIP_NO_DEPS PIP_DRY_RUN
unexport PIP_REQUIRE_VIRTUALENV PIP_NO_BINARY PIP_ONLY_BINARY PIP_PYTHON
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_INPUT = 1
export PIP_ROOT_USER_ACTION = ignore

.PHONY: help audit zizmor-online demo test coverage mutation fuzz lint image e2e release-rehearsal soak bench summary-preview lock generate clean

help:
	@echo "make demo       run the action against an emulated dbt Cloud (SCENARIO=green, failing-test, failing-model or datafold)"
	@echo "make test       run all tests that need no Docker"
	@echo "make coverage   run the same tests and measure the branch coverage of dbt_action"
	@echo "make mutation   count how many small changes of the pure modules the tests notice"
	@echo "make fuzz       look for untrusted text that breaks a property test, with Atheris (SECONDS=600; Linux on x86-64)"
	@echo "make lint       check style, types, workflows, action files, Dockerfile, scripts and generated blocks"
	@echo "make image      build the container image as dbt-cloud-run-action (BASE=… instead of the base image)"
	@echo "make e2e        run the real action.yml with a real workflow runner (needs Docker)"
	@echo "make release-rehearsal   make a release on this machine: image, packages, tree (needs Docker and docker-registry)"
	@echo "make soak       many runs with randomly chosen failures (RUNS=500 SEED=1)"
	@echo "make bench      measure the time from start to first request, and time and memory of a large report"
	@echo "make summary-preview   make pictures of summaries of real runs (needs Chromium and npm)"
	@echo "make generate   write the generated parts of the action files, README.md, docs/platforms.md and docs/reliability.md"
	@echo "make audit      look for known holes in the locked packages (needs the internet)"
	@echo "make zizmor-online   check the workflows also with what only GitHub knows (needs GH_TOKEN)"
	@echo "make lock       update requirements.txt and requirements-dev.txt"
	@echo "make clean      remove everything that these commands have created"

demo: $(READY)
	@$(RUN) -m demo $(if $(KEEP),--keep) $(SCENARIO)

test: $(READY)
	@$(RUN) -m pytest -n auto --dist loadfile --no-loadscope-reorder $(if $(COVERAGE),--cov --cov-report=term:skip-covered)

coverage:
	@$(MAKE) test COVERAGE=1

# From the beginning each time: mutmut does not see that a test has changed.
mutation: $(MUTATION)/.ready
	@rm -rf mutants
	@$(MUTATION)/bin/python -m mutmut run >mutants.log 2>&1 || { tail -n 50 mutants.log >&2; exit 1; }
	@$(MUTATION)/bin/python -m tests.mutation

fuzz: $(FUZZING)/.ready
	@mkdir -p .fuzz/corpus
	@$(FUZZING)/bin/python -m tests.fuzz -max_total_time=$(SECONDS) -len_control=0 -verbosity=0 -print_final_stats=1 \
		-artifact_prefix=.fuzz/ .fuzz/corpus

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports
	$(RUN) -m cogapp --check -r -PU $(COGGED)
	$(VENV)/bin/zizmor --offline --no-progress --quiet --strict-collection --persona pedantic .
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-actions action.yml composite/action.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(VENV)/bin/hadolint Dockerfile
	$(VENV)/bin/shellcheck $(SCRIPTS)

image:
	$(if $(BASE),sed 's|^FROM python:.*|FROM $(BASE) AS base|',cat) Dockerfile | docker build -t dbt-cloud-run-action -f - .

e2e: $(READY)
	@$(RUN) -m pytest -m e2e -n 2 --dist loadfile tests/e2e tests/e2e_platforms

release-rehearsal: $(READY)
	@$(RUN) -m pytest -m e2e tests/rehearsal

soak: $(READY)
	@$(RUN) -m tests.reliability.soak --runs $(RUNS) $(if $(SEED),--seed $(SEED))

bench: $(READY)
	@$(RUN) benchmarks/startup.py
	@$(RUN) benchmarks/composite.py
	@$(RUN) -m benchmarks.report
	@$(RUN) -m benchmarks.traffic

summary-preview: $(READY)
	@$(RUN) -m docs.summary_preview

generate: $(READY)
	$(RUN) -m cogapp -r -PU $(COGGED)
	$(RUN) -m tests.reliability.table --write

# With the data of the package index's own advisory database, which a machine without internet does not reach.
zizmor-online: $(READY)
	@$(VENV)/bin/zizmor --no-progress --strict-collection --persona pedantic .

audit:
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python -m pip install --quiet $(PIP_AUDIT)
	@$(PYTHON) -m tests.audit .venv-audit/bin/pip-audit requirements.txt requirements-dev.txt

lock:
	@echo "Renewing the locks with $(UV)"
	@$(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/python -m pip install --quiet $(UV)
	@.venv-lock/bin/uv pip compile --quiet --upgrade $(LOCK_OPTIONS) pyproject.toml -o requirements.txt
	@.venv-lock/bin/uv pip compile --quiet --upgrade $(LOCK_OPTIONS) -c requirements.txt --group dev \
		pyproject.toml -o requirements-dev.txt
	@.venv-lock/bin/uv pip compile --quiet --upgrade $(LOCK_OPTIONS) --group sbom pyproject.toml -o requirements-sbom.txt

LOCK_OPTIONS := --universal --python-version 3.10 --generate-hashes --no-strip-extras --no-emit-index-url \
	--custom-compile-command "make lock"

clean:
	rm -rf .venv .venv-lock .venv-audit $(MUTATION) $(FUZZING) .fuzz mutants mutants.log .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# If the lock file is newer than the stamp, the environment is created again.
$(READY): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "This needs Python 3.10 or newer, and '$(PYTHON)' is not. Name another one: make PYTHON=python3.12 …" >&2; exit 1; }
	@echo "Setting up $(VENV) from requirements-dev.txt (once, about a minute) …"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --require-hashes --only-binary :all: -r requirements-dev.txt >$(VENV)/setup.log 2>&1 || { \
		cat $(VENV)/setup.log >&2; exit 1; }
	@touch $@

$(MUTATION)/.ready: requirements-dev.txt
	@echo "Setting up $(MUTATION) (once, about a minute) …"
	@rm -rf $(MUTATION)
	@$(PYTHON) -m venv $(MUTATION)
	@$(MUTATION)/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements-dev.txt
	@$(MUTATION)/bin/python -m pip install --quiet $(MUTMUT)
	@touch $@

$(FUZZING)/.ready: requirements-dev.txt requirements-fuzz.txt
	@echo "Setting up $(FUZZING) (once, about a minute) …"
	@rm -rf $(FUZZING)
	@$(PYTHON) -m venv $(FUZZING)
	@$(FUZZING)/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements-dev.txt \
		-r requirements-fuzz.txt
	@touch $@
