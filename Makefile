# The two commands of the README are `make demo` and `make test`; the rest are their parts.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: demo test lint typecheck clean

# pip installs a copy: what is tested is what a user gets.
$(VENV)/.lgncc: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -c constraints.txt .
	touch $@

TYPECHECK := build/typecheck

typecheck:
	rm -rf $(TYPECHECK) && mkdir -p $(TYPECHECK)/lgncc
	ln -s $(CURDIR)/lgncc/* $(CURDIR)/hw $(CURDIR)/boards $(CURDIR)/sim $(TYPECHECK)/lgncc/
	MYPYPATH=$(TYPECHECK) $(BIN)/mypy --config-file pyproject.toml
