# Everything is done through .venv, which `setup` makes. Needed on the machine: make, git, Python >= 3.10 with venv, a C++17 compiler.

PYTHON      ?= python3
VENV        := .venv
PY          := $(VENV)/bin/python
PYTEST_ARGS ?=
BENCH_ARGS  ?=
CHROMIUM    ?= $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name))))

export PIP_DISABLE_PIP_VERSION_CHECK := 1
PIP_INSTALL := $(PY) -m pip install -qq --no-input -c constraints.txt
# Kept in .venv, not in a throw-away build environment, so that a change to csrc/ compiles only what changed.
BUILD_TOOLS := scikit-build-core nanobind cmake ninja

# Touched when .venv is whole; what of its prerequisites is newer ($?) says what is to be done again.
READY := $(VENV)/.ready

.PHONY: help setup demo test test-browser lint bench bench-peers sanitize clean
.DEFAULT_GOAL := help

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(READY) ## Make .venv with everything and build the engine; quick when nothing changed.

$(READY): pyproject.toml constraints.txt CMakeLists.txt $(wildcard csrc/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "elman needs Python 3.10 or newer. Name one: make PYTHON=/path/to/python $(MAKECMDGOALS)"; exit 1; }
	@command -v $${CXX:-c++} > /dev/null || command -v g++ > /dev/null || command -v clang++ > /dev/null || \
	  { echo "No C++ compiler found. On Debian and Ubuntu: apt-get install g++"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python's venv module is missing. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@if [ -n "$(filter pyproject.toml constraints.txt,$?)" ]; then \
	  echo "Installing packages into $(VENV) and building the engine (minutes on the first run) ..."; \
	  $(PIP_INSTALL) $(BUILD_TOOLS) && $(PIP_INSTALL) --no-build-isolation --editable '.[dev]'; \
	else \
	  echo "Building the engine ..."; \
	  $(PIP_INSTALL) --no-build-isolation --no-deps --editable .; \
	fi
	@touch $@

demo: setup ## Train on handwritten digits and show how well it does on images it never saw.
	$(VENV)/bin/elman train classify --data digits

# A process for each core, up to four. Each has a team of threads, which must not spin while the others work.
test: setup ## Run all tests. PYTEST_ARGS="-k gru" adds options.
	OMP_WAIT_POLICY=passive $(PY) -m pytest --numprocesses auto --maxprocesses 4 $(PYTEST_ARGS)

test-browser: setup ## Open reports in chromium; screenshots/ has what it saw. CHROMIUM=PATH names one.
	@test -n "$(CHROMIUM)" || { echo "No chromium found. On Debian: apt-get install chromium"; exit 1; }
	ELMAN_BROWSER="$(CHROMIUM)" $(PY) -m pytest tests/browser $(PYTEST_ARGS)

lint: setup ## Check style (ruff) and types (pyright).
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/pyright

bench: setup ## Time the layers beside their peers. BENCH_ARGS="--quick --section layers" takes a minute.
	$(PY) -m benchmarks $(BENCH_ARGS)

bench-peers: ## Install Keras, jax and tensorflow for `make bench` into .venv-peers: 3 GB.
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install -qq --no-input -r benchmarks/peers/requirements.txt "$$(grep '^torch==' constraints.txt)"

# Without torch and the shared conftest: under the sanitizers they would take minutes and are not what is tested.
# libstdc++ is loaded early too, because the address sanitizer looks up __cxa_throw when it starts.
SANITIZED := $(CURDIR)/build/sanitize
SANITIZERS = $(shell for library in libasan.so libstdc++.so; do $${CXX:-c++} -print-file-name=$$library; done)

sanitize: setup ## Run the engine's tests under the address and undefined-behaviour sanitizers (GCC).
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" sh -e -c 'cmake -S . -B $(SANITIZED) -G Ninja --log-level=WARNING \
	  -DELMAN_SANITIZE=ON -DPython_EXECUTABLE=$(CURDIR)/$(PY) && cmake --build $(SANITIZED) -- --quiet'
	LD_PRELOAD="$(SANITIZERS)" ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	  ELMAN_ENGINE_DIR=$(SANITIZED) $(PY) -m pytest tests/engine --confcutdir=tests/engine $(PYTEST_ARGS)

clean: ## Remove .venv and everything built (runs/ is kept).
	rm -rf $(VENV) .venv-peers build build-* dist .pytest_cache .ruff_cache
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
