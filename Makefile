# Needs GNU make and python3 with its venv module. PYTHON=python3.12 chooses another Python.
PYTHON ?= python3
PORT ?= 8000
GATEWAY_PORT ?= 8001

VENV = PYTHON="$(PYTHON)" sh tools/venv.sh
PY = .venv/bin/python
STRICT = -W error::DeprecationWarning -W error::PendingDeprecationWarning
# Many tests wait for a server, so two processes need about half the time. ARGS="-n0 --pdb" runs one process.
PARALLEL = -n 2 --dist worksteal

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-slow test-browser js test-js matrix lint format types bench scale docs links dist clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s%s\n", $$1, $$2 }'

demo: ## run the example chat with a local gateway; PORT=8000 GATEWAY_PORT=8001, Ctrl-C stops it
	@$(VENV) local
	@PORT=$(PORT) GATEWAY_PORT=$(GATEWAY_PORT) exec $(PY) example/chat/demo.py

test: ## run the tests with coverage, except browser and slow ones; ARGS="-k send" goes to pytest
	@$(VENV) local test
	@$(PY) -m coverage erase
	$(PY) $(STRICT) -m coverage run -m pytest $(PARALLEL) $(ARGS)
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report

test-browser: ## run the tests that drive browsers
	@$(VENV) local test browser
	$(PY) $(STRICT) -m pytest -m browser $(PARALLEL) $(ARGS)

test-slow: ## run the tests at scale, of the demo and of the AWS CLI; TEST_BROKER=amqp://… adds those of Celery
	@$(VENV) local test
	$(PY) $(STRICT) -m pytest -m slow $(ARGS)

js: ## build the browser's scripts from js/src into the static files
	@npm --prefix js ci --silent
	@npm --prefix js run --silent build

test-js: ## run the tests of these scripts in node
	@npm --prefix js ci --silent
	@npm --prefix js test --silent

matrix: ## test every supported Python with every supported Django; ARGS="3.12" or ARGS="3.12-5.2" chooses
	@$(VENV) matrix
	@$(PY) tools/matrix.py $(ARGS)

lint: ## check rules and format with ruff
	@$(VENV) lint
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

format: ## fix rules and format with ruff
	@$(VENV) lint
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

types: ## check types in src with mypy, strict
	@$(VENV) local test lint
	@$(PY) -m mypy

bench: ## measure each figure beside hand-written code, as Markdown; ARGS="--quick"
	@$(VENV) fast test bench
	@$(PY) -m benchmarks $(ARGS)

scale: ## measure a million session rows; TEST_DATABASE=postgresql or mariadb; ARGS="--rows 100000"
	@$(VENV) local test databases
	@$(PY) -m benchmarks.rows_at_scale $(ARGS)

docs: ## build the documentation in docs/_build/html
	@$(VENV) local docs
	@$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

links: ## check the external links of the documentation
	@$(VENV) local docs
	@$(PY) -m sphinx -q -b linkcheck docs docs/_build/links

dist: ## build and check the wheel and the sdist in dist/
	@$(VENV) dist
	@rm -rf dist
	@$(PY) -m build --quiet
	@$(PY) -m twine check --strict dist/*

clean: ## delete everything that the other targets made
	rm -rf js/node_modules .venv .venv-* .matrix .py314 docs/_build build dist htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
