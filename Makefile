# The whole set-up: every target makes .venv when it is missing or when pyproject.toml has changed.
# torch is installed by name alone, so pip's own settings (index, wheels at hand) decide between its builds. The build for
# processors only is much smaller and no slower here: an environment that has it in .venv already is left as it is.
PYTHON ?= python3
BIN := .venv/bin
# One torch thread a test process: the processes share the cores already; one more than there are cores, since many tests wait
# for a child or for the disk.
CORES := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(shell expr $(CORES) + 1) --maxprocesses 5
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help demo test test-long check dev clean

help:
	@echo "make demo       install, train on real data, print the figures and where the report is"
	@echo "make test       install the tools, run the tests"
	@echo "make test-long  every test, also those that take hours"
	@echo "make check      format, lint, types, import directions, fast tests"
	@echo "make clean      remove what was made here, .venv too (never runs/)"

demo: .venv/.installed
	@$(BIN)/python gallery/demo.py

test: .venv/.developed
	@$(TEST) -m "not long"

test-long: .venv/.developed
	@$(TEST)

check: .venv/.developed
	@./check

dev: .venv/.developed

clean:
	@rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One line a downloaded package: the first time takes minutes, and silence looks like a hang.
progress = 2> >(grep -v '^WARNING: Location' >&2) \
	| awk '/^ *Downloading/ {print "  " $$2; fflush()} /^Installing collected/ {print "  unpacking"; fflush()}'

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Deepwright needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }

.venv/.installed: pyproject.toml | .venv/bin/python
	@echo "Installing Deepwright (the first time takes a few minutes)"
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check -e . $(progress)
	@touch $@

.venv/.developed: .venv/.installed
	@echo "Installing the developers' tools"
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check -e '.[dev]' $(progress)
	@touch $@
