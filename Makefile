# The recipes of every day; `make` alone lists them. A fresh machine needs git, make and Python 3.11+ with venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv/bin
STAMP := .venv/.up-to-date
CACHE := .cache
CODE := opscom gateway schema jobs auth tenants domain tests bench
# The tests that `make test` runs; one part of them: make test T=tests/domain
T ?= tests

# uv trusts the machine's certificates, also where the environment is empty; it compiles what it installs, which the
# start of the gateway would otherwise do each time; it never asks for an update of itself.
export PYTHON
export UV_SYSTEM_CERTS := 1
export UV_COMPILE_BYTECODE := 1
export UV_NO_PROGRESS := 1
export UV_HTTP_TIMEOUT := 120
export UV_CUSTOM_COMPILE_COMMAND := make lock
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# A Node that `make peers` fetched comes before the machine's, which was missing or too old.
ifneq ($(wildcard $(CACHE)/node/bin/node),)
export OPSCOM_NODE ?= $(CURDIR)/$(CACHE)/node/bin/node
endif
COMPILE := $(VENV)/uv pip compile --quiet --universal --python-version 3.11

.PHONY: help
help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- Set up and run ----------------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(STAMP)  ## Make .venv with everything in requirements.lock; does nothing when it is up to date

$(STAMP): requirements.lock bootstrap.lock tools/setup
	@sh tools/setup

.PHONY: demo
demo: setup  ## Run the whole product here: databases, gateway, worker, dispatcher and the vendors' simulators
	@exec $(VENV)/opscom demo

# --- Tests -------------------------------------------------------------------------------------------------------------

.PHONY: test
test: setup peers-here  ## Run all tests, or one part of them: make test T=tests/domain
	$(VENV)/pytest -n auto --maxprocesses 4 --dist loadfile $(T)

.PHONY: conformance
conformance: peers  ## Run the protocols' own clients and audits (Node) against the product
	@$(MAKE) --no-print-directory test T=tests/conformance

.PHONY: chaos
chaos: setup  ## Kill and restart every part while it works, the long form
	OPSCOM_CHAOS_SECONDS=$${OPSCOM_CHAOS_SECONDS:-180} $(VENV)/pytest -s tests/chaos

.PHONY: soak
soak: setup  ## Let a crowd watch the map for ten minutes, some of it stalled or coming and going
	OPSCOM_SOAK_SECONDS=$${OPSCOM_SOAK_SECONDS:-600} $(VENV)/pytest -s -o timeout=1200 tests/soak

.PHONY: tls
tls: edge-tools  ## Let Caddy get certificates for clients' own domains from an authority of ours (needs Debian's pebble)
	$(VENV)/pytest -s tests/tls

.PHONY: isolation
isolation: setup  ## Let tenants do anything in any order, long and by a new seed, and look for what one sees of another
	OPSCOM_ISOLATION_EXAMPLES=$${OPSCOM_ISOLATION_EXAMPLES:-300} $(VENV)/pytest -o timeout=3600 tests/isolation/test_machine.py

.PHONY: story-preview
story-preview: setup  ## Tell the story of a preview space on the running product, step by step
	@$(VENV)/pytest -q -s --no-header tests/journeys/test_preview_story.py

.PHONY: bench
bench: bench-peers  ## Measure every bar of speed side by side and print the tables
	$(VENV)/python -m bench

.PHONY: bench-live
bench-live: bench-peers  ## Measure the live map beside all its peers, with 5,000 sockets
	$(VENV)/python -m bench live scale

.PHONY: bench-tenancy
bench-tenancy: setup  ## Measure hosting at size: 1,000 tenants, migrations, a preview of a million rows
	$(VENV)/python -m bench hosts switching tenancy

.PHONY: bench-peers
bench-peers: setup  ## Install the servers on Node that the measurements compare with
	@if command -v npm >/dev/null 2>&1; then sh tools/peers bench/peers/node/package-lock.json; fi

.PHONY: peers
peers: setup  ## Install the npm packages that the conformance tests need (and Node, where there is none)
	@sh tools/peers

.PHONY: peers-here
peers-here: setup
	@if command -v npm >/dev/null 2>&1 || [ -n "$$OPSCOM_NODE" ]; then sh tools/peers; fi

.PHONY: helm-tools
helm-tools: $(CACHE)/helm/.up-to-date  ## Fetch helm and the Kubernetes schemas that the chart's tests need

$(CACHE)/helm/.up-to-date: tools/helm.lock tools/validate.lock tools/helm-tools | setup
	@sh tools/helm-tools

.PHONY: edge-tools
edge-tools: $(CACHE)/edge/.up-to-date  ## Fetch Caddy, the TLS edge of `make tls`

$(CACHE)/edge/.up-to-date: tools/edge.lock tools/edge-tools | setup
	@sh tools/edge-tools

# --- Checks ------------------------------------------------------------------------------------------------------------

.PHONY: check
check: lint types imports lock-check schema-check  ## Everything CI checks besides the tests

.PHONY: lint
lint: setup  ## Check style and format (ruff); `make format` mends most of it
	$(VENV)/ruff check
	$(VENV)/ruff format --check

.PHONY: format
format: setup  ## Mend the format and what ruff can mend by itself
	$(VENV)/ruff check --fix-only
	$(VENV)/ruff format

.PHONY: types
types: setup  ## Check the types (mypy, strict)
	$(VENV)/mypy $(CODE)

.PHONY: imports
imports: setup  ## Check who imports whom (import-linter)
	$(VENV)/lint-imports --no-logo

.PHONY: schema
schema: setup  ## Print the three GraphQL schemas into schema/*.graphql
	$(VENV)/opscom schema print

.PHONY: schema-check
schema-check: setup
	$(VENV)/opscom schema print --check

# --- Revisions of the database -----------------------------------------------------------------------------------------

.PHONY: revision
revision: setup  ## Draft a revision from the models: make revision TREE=environment TITLE="lots: add a colour"
	$(VENV)/opscom draft-revision $(TREE) "$(TITLE)"

.PHONY: freeze
freeze: setup  ## Release the revisions: their hashes are written down, and a test holds them from then on
	$(VENV)/python -c "from opscom.revisions import freeze; freeze()"

# --- Locks -------------------------------------------------------------------------------------------------------------

.PHONY: lock
lock: setup  ## Compile the locks anew from pyproject.toml and tools/*.in; LOCK_FLAGS=--upgrade takes newer versions
	$(COMPILE) --generate-hashes --extra dev $(LOCK_FLAGS) -o requirements.lock pyproject.toml
	$(COMPILE) --generate-hashes $(LOCK_FLAGS) -o bootstrap.lock tools/bootstrap.in
	$(COMPILE) --generate-hashes --no-deps $(LOCK_FLAGS) -o tools/helm.lock tools/helm.in
	$(COMPILE) --generate-hashes $(LOCK_FLAGS) -o tools/validate.lock tools/validate.in
	$(COMPILE) --generate-hashes $(LOCK_FLAGS) -o tools/node.lock tools/node.in
	$(COMPILE) --generate-hashes --no-deps $(LOCK_FLAGS) -o tools/edge.lock tools/edge.in

.PHONY: lock-check
lock-check: setup  ## Refuse a lock that differs from what `make lock` would write, or that names an address
	@sh tools/lock-check

.PHONY: clean
clean:  ## Remove what was made here: .venv, caches, npm packages; the demo's data in .opscom stay
	rm -rf .venv $(CACHE) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -rf tests/conformance/node_modules bench/peers/node/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
