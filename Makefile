# `make demo` and `make test` need only Python 3.11+ and make: they create .venv themselves and reuse it while
# pyproject.toml, constraints.txt and the kernels are unchanged. A torch >= 2.11 that the chosen Python already has is
# reused.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
RUNS ?= runs

.PHONY: demo test check bench clean setup
.DEFAULT_GOAL := demo

demo: $(READY)  ## make a small Phi from the embedded recipe and write its report
	$(BIN)/phial make nano --to $(RUNS)

test: $(READY)  ## the default test suite
	$(BIN)/python -m pytest

check: $(READY)  ## what CI runs: lint, format, types, tests
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/pyrefly check --python-interpreter-path $(BIN)/python
	$(BIN)/python -m pytest

bench: $(READY)  ## the quick benchmarks; each prints a JSON line last
	$(BIN)/python bench/teacher.py
	$(BIN)/python bench/decode.py
	$(BIN)/python bench/training.py

clean:  ## remove the environment and caches; runs are kept
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist src/*.egg-info src/phial/kernels/*.so
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

setup: $(READY)

$(READY): pyproject.toml constraints.txt install.py setup.py $(wildcard src/phial/kernels/*.cpp src/phial/kernels/int4/*)
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer found; install one or say make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) install.py $(VENV)
	@touch $@
