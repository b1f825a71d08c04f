# `make` alone lists the targets. Everything is installed into .venv and .cache of this folder.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
STAMPS := .cache/stamps
CODE := $(wildcard src tests tools bench examples docs/snippets)
JS := tests/compat/js
PEERS := .cache/bench-env/stamp
# Tests run in two processes; those of one file stay in one, with the servers that they share.
TESTS := $(BIN)/python -m pytest -q -n 2 --dist loadfile

export NO_MKDOCS_2_WARNING := 1
# Bytecode lies apart from the sources, and is written also where the environment wants none beside
# them: without it every command compiles everything anew.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/bytecode
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo serve example-database example-work-item example-email example-chat check test test-fast test-all bench bench-quick docs docs-serve reference setup format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' Makefile

demo: $(STAMPS)/python ## an SMS sent with the official SDK arrives at a webhook, on free ports
	@$(BIN)/python examples/demo.py

serve: $(STAMPS)/python ## run a server that keeps its data in the platform's user data folder
	@$(BIN)/switchhook serve

example-database: $(STAMPS)/python ## an SMS becomes a row in PostgreSQL
	@$(BIN)/python examples/sms_to_database/run.py

example-work-item: $(STAMPS)/python ## an SMS becomes a work item
	@$(BIN)/python examples/sms_to_work_item/run.py

example-email: $(STAMPS)/python ## an SMS becomes an e-mail
	@$(BIN)/python examples/sms_to_email/run.py

example-chat: $(STAMPS)/python ## a webhook moderates a chat
	@$(BIN)/python examples/chat/run.py

check: $(STAMPS)/python ## format, lint, types, import contracts, spelling, locks: under 10 seconds
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --cache-dir .cache/import-linter
	$(BIN)/codespell $(CODE) docs *.md Makefile pyproject.toml
	$(BIN)/python -m tools.check_locks

test-fast: $(STAMPS)/python ## rules, contracts in memory, flows: seconds
	$(TESTS) -m "not slow and not system" -k "not sqlite" tests/rules tests/contract tests/flow tests/cli

test: $(STAMPS)/python $(STAMPS)/node $(STAMPS)/browser ## everything but the slow tests: under 5 minutes
	$(TESTS) -m "not slow"

test-all: $(STAMPS)/python $(STAMPS)/node $(STAMPS)/browser ## every test there is
	$(TESTS)

bench: $(STAMPS)/python $(STAMPS)/limits $(PEERS) ## measure every bar beside its limit, and write docs/reference/performance.md
	$(BIN)/python -m bench

bench-quick: $(STAMPS)/python $(STAMPS)/limits ## the same with fewer and shorter rounds: under 2 minutes
	$(BIN)/python -m bench --quick

docs: $(STAMPS)/python ## build the documentation into site/; a broken link is an error
	$(BIN)/mkdocs build --strict --quiet

docs-serve: $(STAMPS)/python ## the documentation with live preview
	$(BIN)/mkdocs serve

reference: $(STAMPS)/python ## write the generated pages of docs/reference again
	$(BIN)/python -m tools.write_reference
	$(BIN)/python -m bench.page

setup: $(STAMPS)/python $(STAMPS)/node $(STAMPS)/browser ## install everything, and the commit hook
	@tools/install-commit-hook

format: $(STAMPS)/python ## format the code and apply safe fixes
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

lock: $(STAMPS)/python ## resolve the newest versions that pyproject.toml and package.json allow
	@tools/lock

clean: ## remove everything that was installed or built here
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist site $(JS)/node_modules

# A stamp is younger than what it was made from: a second run installs nothing and needs no network.
$(STAMPS)/python: requirements-dev.lock pyproject.toml tools/setup-python
	@tools/setup-python
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/node: $(STAMPS)/python requirements-node.lock $(JS)/package-lock.json tools/setup-node
	@tools/setup-node

$(STAMPS)/browser: tools/setup-browser
	@tools/setup-browser

$(STAMPS)/limits: tools/setup-limits
	@tools/setup-limits

$(PEERS): requirements-bench.lock tools/setup-bench-peers | $(STAMPS)/python
	@tools/setup-bench-peers
