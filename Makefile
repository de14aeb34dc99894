# `make demo` and `make test` need Python (3.11 or later) with venv, a Rust toolchain and, for the tests, Debian.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.setup-done
BENCHMARKS := client_cpu batch_overhead plugin_overhead memory journal
PLUGINS := $(sort $(wildcard plugins/*/pyproject.toml))
MATURIN := PIP_QUIET=1 PIP_CONSTRAINT=constraints.txt $(BIN)/maturin develop -q
WITH_ODOO := $(BIN)/python tests/helpers/with_odoo.py
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

.PHONY: setup build demo test check rust-test python-check python-test plugin-test docs bench bench-peers bench-smoke clean

setup: $(SETUP)

$(SETUP): constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt --group dev --group docs
	touch $@

# The release extension, as users get it.
build: $(SETUP)
	$(MATURIN) --release
	$(BIN)/python -m compileall -q python/zenoo_fast  # as pip does

demo: build
	$(BIN)/zenoo-fast demo

# Everything there is. The extension is built with the profile `ci`: nearly release speed, a fraction of its link time.
test: $(SETUP) rust-test test-build python-check python-test plugin-test docs bench-smoke

rust-test:
	cargo fmt --all --check
	cargo clippy -q --workspace --all-targets -- -D warnings
	cargo test -q --workspace

.PHONY: test-build
test-build: $(SETUP)
	$(MATURIN) --profile ci

python-check: $(SETUP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest zenoo_fast._core
	$(BIN)/lint-imports

python-test: $(SETUP)
	$(BIN)/python -m pytest

# What `make test` tries some hundred times, tried many more times.
.PHONY: fuzz
fuzz: test-build
	ZENOO_FAST_FUZZ=20000 $(BIN)/python -m pytest tests/property/test_fuzz.py -q

# As a user would install them, and against a real Odoo where one can be had.
plugin-test: $(SETUP)
	$(WITH_ODOO) --optional $(MAKE) -s plugins-each

.PHONY: plugins-each
plugins-each:
	@for plugin in $(dir $(PLUGINS)); do \
	    echo "== $$plugin"; \
	    $(BIN)/python -m pip install -q -c constraints.txt $$plugin || exit 1; \
	    (cd $$plugin && $(CURDIR)/$(BIN)/python -m pytest -q -c pyproject.toml tests) || exit 1; \
	done

docs: $(SETUP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q --strict

# Every one writes its results as JSON below benchmarks/, and fails where its bar is missed; the others go on.
bench: build
	@code=0; \
	$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-json=benchmarks/results.json -q || code=1; \
	for one in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$one || code=1; done; \
	exit $$code

# What needs a real Odoo.
bench-peers: build
	$(WITH_ODOO) $(BIN)/python -m benchmarks.batch_vs_ancestor
	$(BIN)/python -m benchmarks.peers

bench-smoke: $(SETUP)
	$(BIN)/python -m pytest benchmarks -o addopts=--import-mode=importlib --benchmark-disable -q -p no:cacheprovider
	@for one in $(BENCHMARKS) batch_vs_ancestor; do $(BIN)/python -m benchmarks.$$one --smoke || exit 1; done
	@$(BIN)/python -m benchmarks.peers --smoke || { [ $$? = 3 ] && [ "$$CI" != true ]; }

clean:
	rm -rf target site .pytest_cache .mypy_cache .ruff_cache .hypothesis $(VENV)
