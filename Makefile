# make demo | test | lint | venv: each sets up what it needs. PYTHON names the interpreter to start from.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.sim2sg-installed
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := pyproject.toml setup.py constraints.txt CMakeLists.txt package.xml $(wildcard cmake/* msg/*.msg srv/*.srv config/* launch/*)

.PHONY: demo test lint venv system clean

demo: venv
	$(BIN)/sim2sg demo --out runs/demo

test: venv
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

venv: $(STAMP)

# torch comes first and by itself: where pip is set up to find a CPU-only build of the pinned version it takes
# that one, and otherwise the big default with CUDA.
$(STAMP): $(SOURCES) | system
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q -c constraints.txt "pip>=23.1" torch
	$(PIP) install -q -c constraints.txt -e ".[cpu,train,ros,dev]"
	touch $@

system:
	@.ci/system_packages $(PYTHON)

clean:
	rm -rf build install log runs *.egg-info
