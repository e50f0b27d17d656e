# Needs Python 3.11 or newer, make, and PyPI through this machine's settings of pip. Everything else is installed in .venv.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install -qq --constraint constraints.txt
PYTEST := $(BIN)/pytest -q
# Without cached byte code, each worker would rewrite the assertions of all tests again.
unexport PYTHONDONTWRITEBYTECODE
CORES = $(shell $(BIN)/python -c 'import os; print(len(os.sched_getaffinity(0)))')
# Tests wait for half of their time, so there are two workers for each core. A worker gets neighbouring tests, because
# these share servers.
WORKERS = $(shell expr 2 '*' $(CORES))
SIDE_BY_SIDE = --numprocesses $(WORKERS) --dist worksteal
# Files without a test that has the mark aren't read: collecting all 18,000 tests takes 15 s.
ALONE = -p no:xdist -m 'not slow and alone' $(shell grep --recursive --files-with-matches --include='*.py' 'mark[.]alone' tests)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Print the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-23s%s\n", $$1, $$2}'

# --- Set-up: each stamp file stands for one more group of packages in the same environment ---

.venv/.package: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("qmpeer needs Python 3.11 or newer, found " + sys.version.split()[0] + "; run make PYTHON=...")'
	@echo 'Setting up .venv'
	@$(PYTHON) -m venv --clear .venv
	@$(INSTALL) pip
	@$(INSTALL) --build-constraint constraints.txt --editable '.[fast]'
	@touch $@

.venv/.dev: .venv/.docs
	@echo 'Installing the development tools'
	@$(INSTALL) --group dev
	@touch $@

.venv/.docs: .venv/.package
	@echo 'Installing the documentation tools'
	@$(INSTALL) --editable '.[fast,docs]'
	@touch $@

# --- For everyone ---

.PHONY: demo
demo: .venv/.package ## Start a monitor, run a client against it, show the conversation
	@$(BIN)/python examples/demo.py

.PHONY: test
test: .venv/.dev test-programs ## Run the tests: several at once, then one by one those that measure time
	@$(PYTEST) -rs $(SIDE_BY_SIDE) -m 'not slow and not alone'
	@$(PYTEST) -rs $(ALONE)

.PHONY: check
check: .venv/.dev ## Check format, lint, types, floors, generated files, the machine's declaration, tests for each module
	@$(MAKE) --no-print-directory --jobs=$(CORES) --output-sync check-mypy check-pyright check-files

.PHONY: check-mypy check-pyright check-files
check-mypy: .venv/.dev
	$(BIN)/mypy

check-pyright: .venv/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" pyright --verifytypes qmpeer --ignoreexternal
	PATH="$(CURDIR)/$(BIN):$$PATH" pyright tests/client/idioms.py

check-files: .venv/.dev
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/python scripts/blocking_client.py --check
	$(BIN)/python scripts/compile_schemas.py --check
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/check_interface.py
	$(BIN)/python scripts/check_tests.py
	$(BIN)/python scripts/check_imports.py
	$(BIN)/python scripts/check_english.py
	$(BIN)/python scripts/house.py --check

.PHONY: fix
fix: .venv/.dev ## Generate the blocking client, compile our own schemas, format, and repair what ruff can repair
	$(BIN)/python scripts/blocking_client.py
	$(BIN)/python scripts/compile_schemas.py
	$(BIN)/ruff check --fix --quiet || true
	$(BIN)/ruff format
	$(BIN)/ruff check

.PHONY: bench
bench: .venv/.dev ## Measure against QEMU and other clients, print one table of ratios
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks.worst_clients

.PHONY: docs
docs: .venv/.docs ## Build the documentation into build/docs
	@$(BIN)/python scripts/build_site.py build/docs

# --- More of the same tests, for longer ---

.PHONY: test-programs
test-programs: ## Install the programs that the tests drive, as root on Debian, unless QMPEER_INSTALL=no
	@sh scripts/test_programs.sh
	@sh scripts/npm_peers.sh || echo 'The tests with clients for Node are left out'
	@sh scripts/linux_guest.sh || echo 'The tests with a Linux guest are left out'

.PHONY: test-slow
test-slow: .venv/.dev test-programs ## Run the long tests: limits at their real size, all of QEMU's answers, endurance
	@sh scripts/npm_peers.sh inspector || echo 'The test with the inspector of the Model Context Protocol is left out'
	@$(PYTEST) -rs -p no:xdist -m slow --timeout=600

.PHONY: test-pages
test-pages: .venv/.dev test-programs ## Build the site and search it; run everything that its pages show
	@$(PYTEST) -rs $(SIDE_BY_SIDE) -m pages

.PHONY: fuzz
fuzz: .venv/.dev ## Try the Hypothesis properties on many more examples
	@HYPOTHESIS_PROFILE=long $(PYTEST) -m property --timeout=0
	@$(BIN)/python -m tests.wire.fuzzed_reader

INTERRUPTS ?= 100000

.PHONY: interrupts
interrupts: .venv/.dev ## Interrupt a blocking client at random moments, with one thread and with three
	@$(BIN)/python -m tests.faults.interrupted_client --interrupts $(INTERRUPTS)
	@$(BIN)/python -m tests.faults.interrupted_client --interrupts $(INTERRUPTS) --threads 3

MESSAGES ?= 1000000
CONVERSATIONS ?= 100000
KILLS ?= 1000

.PHONY: soak
soak: .venv/.dev test-programs ## Send a million messages through a relay to a real QEMU, and compare every byte; hold 100,000 conversations through a proxy; kill processes around one 1,000 times
	@$(BIN)/python -m tests.relay.soak --messages $(MESSAGES)
	@$(BIN)/python -m tests.proxy.conversations --count $(CONVERSATIONS)
	@$(BIN)/python -m tests.proxy.kills --kills $(KILLS)

FIRST ?= 0
PLANS ?= 10000

.PHONY: faults
faults: .venv/.dev ## Run random plans of faults between both clients and our monitor
	@$(BIN)/python -m tests.faults.random_plans $(FIRST) $(PLANS)

.PHONY: coverage
coverage: .venv/.dev test-programs ## Run the tests of make test, and list the lines that they don't execute
	@$(PYTEST) $(SIDE_BY_SIDE) -m 'not slow and not alone' --cov --cov-report=
	@$(PYTEST) --cov --cov-append --cov-report=term:skip-covered $(ALONE)

.PHONY: test-qemu10
test-qemu10: .venv/.dev build/qemu10/bin ## Run the tests that drive real programs, with QEMU 10 and fish 4 of Debian 13
	@QMPEER_QEMU='$(CURDIR)/build/qemu10/bin/qemu-system-x86_64' $(PYTEST) -rs $(SIDE_BY_SIDE) -m 'real and not slow and not alone'

build/qemu10/bin: scripts/qemu10.sh
	@sh scripts/qemu10.sh build/qemu10

.PHONY: record
record: .venv/.dev ## Ask the real QEMU 7.2 about every golden command line, and save its answers
	@$(BIN)/python -m tests.starts "$${QMPEER_QEMU:-qemu-system-x86_64}"

SUITES ?= bookworm trixie

.PHONY: fresh
fresh: ## Run demo and tests on fresh Debian machines, as root, with debootstrap; SUITES=trixie chooses one
	@for suite in $(SUITES); do sh scripts/fresh_machine.sh $$suite || exit 1; done

# --- Maintenance ---

.PHONY: coverage-rooms
coverage-rooms: .venv/.dev ## Print the modules that their own room's tests execute least
	@$(BIN)/python scripts/room_coverage.py

.PHONY: pins
pins: .venv/.package ## Pin the newest versions of all tools in constraints.txt
	@$(INSTALL) uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --custom-compile-command 'make pins' \
		--all-extras --group dev --group tools pyproject.toml --output-file constraints.txt

.PHONY: clean
clean: ## Remove everything that make has created, .venv too
	rm -rf .venv build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests benchmarks examples docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
