# Thin names for real commands.
PYTHON ?= python3
FUZZ_SECONDS ?= 60
TOOLS := build/tools/bin
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command 'make hashes'
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: reproduce test check docs setup fuzz hashes sbom audit

reproduce: setup  ## set everything up, run the pipeline, print the table
	unseen check
	dvc repro
	unseen results

test: setup  ## set everything up, run the tests
	python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: setup  ## what must be clean before a commit
	ruff check src stages tests benchmarks
	ruff format --check src stages tests benchmarks
	mypy

fuzz: setup build/atheris/installed  ## fuzz each parser for FUZZ_SECONDS; findings go to build/fuzz
	PYTHONPATH=build/atheris python tests/fuzz/run.py --seconds $(FUZZ_SECONDS) --findings build/fuzz

docs: .venv/docs-installed  ## build the documentation site in build/site
	mkdocs build --strict

setup: .venv/installed

# With HASHES=1, pip checks the SHA-256 of each package. It does not check what it fetches for an isolated build, so
# packages without a wheel are built with the setuptools of .ci/build.txt.
.venv/installed: pyproject.toml constraints.txt constraints-hashes.txt
	$(PYTHON) -m venv .venv
ifdef HASHES
	python -m pip install --quiet --require-hashes --requirement .ci/build.txt
	python -m pip install --quiet --require-hashes --no-build-isolation --requirement constraints-hashes.txt
	python -m pip install --quiet --no-deps --no-build-isolation --editable .
else
	python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
endif
	touch $@

.venv/docs-installed: .venv/installed
ifndef HASHES  # constraints-hashes.txt has the packages of all extras
	python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
endif
	touch $@

build/tools/installed: .ci/tools.txt
	$(PYTHON) -m venv build/tools
	$(TOOLS)/python -m pip install --quiet --require-hashes --requirement .ci/tools.txt
	touch $@

build/atheris/installed: .ci/fuzz.txt .venv/installed
	python -m pip install --quiet --require-hashes --no-deps --target build/atheris --requirement .ci/fuzz.txt
	touch $@

hashes: build/tools/installed  ## write constraints-hashes.txt and .ci/*.txt
	$(TOOLS)/$(LOCK) --all-extras --constraint constraints.txt --output-file constraints-hashes.txt pyproject.toml
	$(TOOLS)/$(LOCK) --constraint constraints-hashes.txt --output-file .ci/build.txt .ci/build.in
	$(TOOLS)/$(LOCK) --output-file .ci/fuzz.txt .ci/fuzz.in
	$(TOOLS)/$(LOCK) --output-file .ci/tools.txt .ci/tools.in

sbom: setup build/tools/installed  ## write build/sbom.json (CycloneDX) and build/licences.md
	$(TOOLS)/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --output-file build/sbom.json .venv/bin/python
	$(TOOLS)/pip-licenses --python=.venv/bin/python --from=mixed --format=markdown --order=license --output-file=build/licences.md

audit: build/tools/installed  ## look for known vulnerabilities; fails if the service can't be reached
	$(TOOLS)/pip-audit --strict --disable-pip --require-hashes $(foreach file,constraints-hashes.txt $(wildcard .ci/*.txt),--requirement $(file))
