# Two commands do everything: `make train` and `make test`. Both need make and Python >= 3.11, and may be run again at any time.

PYTHON ?= python3
CONFIG ?= configs/22_lr_001_23.toml
SEED   ?= 1

VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --quiet --disable-pip-version-check
INSTALL := $(PIP) install --no-compile --constraint constraints.txt --editable # Python compiles what is imported, when it is

# The launcher's note on its own defaults is noise: train.py prints first what really runs.
export ACCELERATE_LOG_LEVEL := error

.DEFAULT_GOAL := help
.PHONY: help train lab test chaos check constraints clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  PYTHON=python3.12 names the interpreter of a new $(VENV); CONFIG=FILE is what make train runs"

train: $(VENV)/.can_train ## install what training needs, then run the main job
	$(BIN)/accelerate launch train.py $(CONFIG)

lab: $(VENV)/.can_look ## install what runs, compare, look, rate and eval need beside training
	@echo "next: tools/runs, or tools/look"

test: $(VENV)/.can_test ## install what tests need, then run them
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder # by default the few tests that run long would come last

# goes with falsework
.PHONY: test-gpu
test-gpu: $(VENV)/.can_test ## run what only GPUs can check; skips with a word where there is none
	$(BIN)/pytest tests/gpu -rs

chaos: $(VENV)/.can_test ## kill, break and fill up runs and stores at random: SEED=N for other moments
	$(BIN)/python tests/chaos/trainer.py --kills 30 --seed $(SEED) # goes with falsework
	$(BIN)/python tests/chaos/store_writing.py --seed $(SEED)
	CHAOS_SEED=$(SEED) CHAOS_SECONDS=30 CHAOS_RUNS=10000 $(BIN)/pytest -q tests/chaos/test_readers.py

check: $(VENV)/.can_test ## format, lint, types and import contracts, changing nothing
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

constraints: $(VENV)/.can_test ## write the versions that .venv holds into constraints.txt
	@grep '^#' constraints.txt > $(VENV)/constraints.new
	@$(PIP) freeze --all --exclude pip --exclude-editable | sed 's/+.*//' | grep -Ev '^(cuda|nvidia|triton)' >> $(VENV)/constraints.new
	@mv $(VENV)/constraints.new constraints.txt
	@touch $(VENV)/.can_train $(VENV)/.can_look $(VENV)/.can_test
	@echo "constraints.txt: $$(grep -c == constraints.txt) versions pinned"

clean: ## remove .venv and caches; runs/ is never touched
	rm -rf $(VENV) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -path ./runs -prune -o -name __pycache__ -prune -exec rm -rf {} +

# The stamps: an install happens again only when pyproject.toml or constraints.txt changes.

$(VENV)/.can_train: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "installing torch, accelerate and 7 others into $(VENV) (about 1 GB, more where pip picks a CUDA build; once)"
	@$(INSTALL) .
	@touch $@

$(VENV)/.can_look: $(VENV)/.can_train
	@echo "installing DuckDB, pandas, scipy, plotly and a web server into $(VENV) (about 1 GB; once)"
	@$(INSTALL) '.[ui]'
	@touch $@

$(VENV)/.can_test: $(VENV)/.can_train
	@echo "installing what tests need into $(VENV): pytest, ruff, mypy, DuckDB, four trackers, a browser's driver (about 2 GB; once)"
	@$(INSTALL) '.[dev]'
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { \
	    echo "installing chromium, in which the pages are tested"; export DEBIAN_FRONTEND=noninteractive; \
	    apt-get update -qq >/dev/null 2>&1; apt-get install -qq -y chromium >/dev/null 2>&1; }; } \
	    || echo "no chromium here: tests/browser will be skipped (sudo apt-get install chromium)"
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is older than Python 3.11, or not there; name another: make PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	    package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	    [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
	        echo "Python's venv module is missing; install it: sudo apt-get install $$package"; exit 2; }; \
	    echo "installing $$package, which Debian keeps apart from python3"; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    log=$$(apt-get update -qq 2>&1 && apt-get install -qq -y $$package 2>&1) || { echo "$$log"; exit 2; }; }
	@echo "creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
