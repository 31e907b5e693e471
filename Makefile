# Thin names for real commands.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: reproduce test check docs setup

reproduce: setup  ## set everything up, run the pipeline, print the table
	unseen check
	dvc repro
	unseen results

test: setup  ## set everything up, run the tests
	python -m pytest -n auto --dist loadfile

check: setup  ## what must be clean before a commit
	ruff check src stages tests benchmarks
	ruff format --check src stages tests benchmarks
	mypy

docs: .venv/docs-installed  ## build the documentation site in build/site
	mkdocs build --strict

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

.venv/docs-installed: .venv/installed
	python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@
