# GNU make; needs python3 with its venv module, and says so where that is missing. PYTHON=python3.12 picks another one.
PYTHON ?= python3
PORT ?= 8000
GATEWAY_PORT ?= 8001

VENV = PYTHON="$(PYTHON)" sh tools/venv.sh
PY = .venv/bin/python
STRICT = -W error::DeprecationWarning -W error::PendingDeprecationWarning
# Many tests wait for a server: two at a time need about half the time. ARGS="-n0 --pdb" is one at a time.
PARALLEL = -n 2 --dist worksteal

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-slow test-browser js test-js matrix lint format types bench docs clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s%s\n", $$1, $$2 }'

demo: ## the example chat with a local gateway; PORT=8000 GATEWAY_PORT=8001, Ctrl-C ends it
	@$(VENV) local
	@PORT=$(PORT) GATEWAY_PORT=$(GATEWAY_PORT) exec $(PY) example/chat/demo.py

test: ## the test suite without a browser and what is slow, with coverage; ARGS="-k send" reaches pytest
	@$(VENV) local test
	@$(PY) -m coverage erase
	$(PY) $(STRICT) -m coverage run -m pytest $(PARALLEL) -m "not browser and not slow" $(ARGS)
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report

test-browser: ## the tests that drive Chromium
	@$(VENV) local test browser
	$(PY) $(STRICT) -m pytest -m browser $(ARGS)

test-slow: ## the tests at scale, of the demo and of the AWS CLI; TEST_BROKER=amqp://… for those of Celery
	@$(VENV) local test
	$(PY) $(STRICT) -m pytest -m slow $(ARGS)

js: ## the browser's scripts, from js/src into the static files
	@npm --prefix js ci --silent
	@npm --prefix js run --silent build

test-js: ## the tests of these scripts, in node
	@npm --prefix js ci --silent
	@npm --prefix js test --silent

matrix: ## every supported Python with every supported Django; ARGS="3.12" or ARGS="3.12-5.2" for some
	@$(VENV) matrix
	@$(PY) tools/matrix.py $(ARGS)

lint: ## ruff: rules and format
	@$(VENV) lint
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

format: ## ruff: put it right
	@$(VENV) lint
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

types: ## mypy, strict, on src
	@$(VENV) local test lint
	@$(PY) -m mypy

bench: ## each figure beside what one would write by hand, as Markdown; ARGS="--quick"
	@$(VENV) fast test bench
	@$(PY) -m benchmarks $(ARGS)

docs: ## the documentation, into docs/_build/html
	@$(VENV) docs
	@$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean: ## everything that the other targets made
	rm -rf js/node_modules .venv .venv-* .matrix .py314 docs/_build build dist htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
