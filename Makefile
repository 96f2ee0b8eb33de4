# Everything that is done here. Each target sets up what it needs, so any may be the first.
# ARGS="…" goes to the command behind a target, as in: make test ARGS="-k approve"

PYTHON := .venv/bin/python
RUN := .venv/installed
DEV := .venv/installed-dev
PIP := $(PYTHON) -m pip install -qq --disable-pip-version-check --no-input --require-hashes
COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --custom-compile-command "make lock" $(ARGS) pyproject.toml

# What browsers run is built where Node is; without it all works, and /graphql says so.
BUILT := $(if $(shell command -v npm),web/built/manifest.json)

# So are the libraries of the TypeScript example, for its tests.
EXAMPLE := $(if $(shell command -v npm),examples/typescript/node_modules/.package-lock.json)

# Tests wait for other processes now and then: one more at once than there are processors.
WORKERS := $(shell expr $$(nproc) + 1)

# A .venv whose Python is gone is made anew.
$(shell test -x $(PYTHON) || rm -rf .venv)

.PHONY: help install demo serve test test-browser pictures check bench torture fuzz schema docs lock clean
.DEFAULT_GOAL := help

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

install: $(DEV) $(BUILT) $(EXAMPLE) ## Set up .venv, and what needs Node where that is.

demo: $(RUN) $(BUILT) ## Serve a small clinic with a login for every role on 127.0.0.1:8000.
	@$(PYTHON) -m portal demo $(ARGS)

serve: $(RUN) $(BUILT) ## Serve what the environment says (DATABASE_URL, PUBLIC_URL, SECRET_KEY, …).
	@$(PYTHON) -m portal serve $(ARGS)

test: $(DEV) $(BUILT) $(EXAMPLE) ## Run every test, on SQLite and on a PostgreSQL that starts by itself.
	$(PYTHON) -m pytest -n $(WORKERS) $(ARGS)

test-browser: $(DEV) $(BUILT) ## Click through the pages in Chromium (Debian's, or what CHROMIUM names).
	$(PYTHON) -m pytest -n $(WORKERS) tests/browser $(ARGS)

pictures: $(DEV) $(BUILT) ## Take the README's pictures anew.
	PICTURES=1 $(PYTHON) -m pytest -q -n 0 tests/browser/test_pictures.py -k taken

check: $(DEV) ## Check format, lint, types, imports, and what is printed from the code.
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m ruff check
	$(PYTHON) -m mypy
	.venv/bin/lint-imports --no-logo
	$(PYTHON) -m portal schema --check
	$(PYTHON) -m portal permissions --check
	$(PYTHON) -m portal docs --check
	$(PYTHON) -m pytest -q tests/rooms/test_models_migrations.py -k drift

bench: $(DEV) ## Measure everything beside its rivals; write docs/performance.md.
	$(PYTHON) -m benchmarks $(ARGS)

torture: $(DEV) ## Run what takes long, or needs a quiet machine.
	@broken=; for one in telling letters databases strangers many; do \
		echo "$(PYTHON) -m tests.torture.$$one"; \
		$(PYTHON) -m tests.torture.$$one || broken="$$broken $$one"; \
	done; \
	test -z "$$broken" || { echo "What was promised was not kept:$$broken" >&2; exit 1; }

fuzz: $(DEV) ## Ask anything, as the strongest role, for twenty minutes (FUZZ_SECONDS=1200).
	FUZZ_SECONDS=$${FUZZ_SECONDS:-1200} $(PYTHON) -m pytest -q -n 0 -s tests/hostile/test_fuzz.py $(ARGS)

schema: $(RUN) ## Print the schema into schema.graphql.
	@$(PYTHON) -m portal schema > .venv/schema.graphql
	@mv .venv/schema.graphql schema.graphql

docs: $(RUN) ## Print the rules and the letters into docs/.
	@$(PYTHON) -m portal docs

lock: $(DEV) ## Write the lock files anew after a change of pyproject.toml (ARGS=--upgrade for news).
	@$(COMPILE) -o requirements.lock > /dev/null
	@$(COMPILE) --group dev -c requirements.lock -o requirements-dev.lock > /dev/null

clean: ## Remove .venv, GraphiQL and the caches; var/ and its data stay.
	rm -rf web/built web/node_modules
	cd examples/typescript && rm -rf built node_modules src/generated.ts
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(PYTHON):
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
		$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || continue; \
		$$python -m venv .venv && exit; \
		rm -rf .venv; \
		echo "$$python cannot make a virtual environment (on Debian: apt-get install python3-venv)" >&2; \
		exit 1; \
	done; \
	echo "Python 3.11 or newer is needed; found: $$(python3 --version 2>&1 || true)" >&2; \
	exit 1

$(RUN): requirements.lock | $(PYTHON)
	@echo "Installing what the API runs on into .venv …"
	@$(PIP) -r requirements.lock
	@touch $@

$(DEV): requirements-dev.lock $(RUN)
	@echo "Installing what it is worked on with into .venv …"
	@$(PIP) -r requirements-dev.lock
	@touch $@

web/built/manifest.json: web/package-lock.json web/vite.config.js $(shell find web/src -type f)
	@echo "Building GraphiQL …"
	@cd web && npm ci --silent && npm run --silent build || echo "GraphiQL was not built; all else works." >&2

examples/typescript/node_modules/.package-lock.json: examples/typescript/package-lock.json
	@echo "Installing what the TypeScript example needs …"
	@cd examples/typescript && npm ci --silent || echo "Its tests are left out; all else works." >&2
