# make demo            set up, simulate a fleet, train, open the dashboard
# make demo ARGS=...   the same with options, e.g. ARGS=--no-serve
# make test            set up with the test extras, run the tests
# make check           types, style, import contracts, compose file

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: demo test slow check clean

demo: .venv/installed
	$(BIN)/genlab demo $(ARGS)

test: .venv/installed-test
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	       && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } \
	  || echo "no Chromium found and none could be installed: browser tests will be skipped"
	$(BIN)/python -m pytest $(ARGS)

slow: .venv/installed-test
	$(BIN)/python -m pytest -m slow $(ARGS)

check: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("genlab needs Python 3.11 or later, found " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/installed-test: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ .venv/installed

clean:
	rm -rf .venv build dist
