# `make demo` and `make test` need Python 3.11 or later and make, nothing else.

PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
DEMO_RUN ?= runs/demo
GPU_RUN ?= runs/on-gpu
DEVICE ?= cuda
# Those of benchmarks/ that need nothing said; the others want data, models or days.
BENCHMARKS ?= tail search_step several_budgets training benchmark_self_test latency_model \
	profile_paper_space

# The package of models, which an sdist of fasterseg does not have.
MODELS := $(addprefix -e ,$(wildcard packages/fasterseg-models))

.PHONY: help demo test test-all check format bench docs dist dist-test gpu clean
.DELETE_ON_ERROR:

help:
	@echo "make demo      search, train and score a network on the built-in street scenes"
	@echo "make test      the tests but the slow ones"
	@echo "make test-all  the slow ones too"
	@echo "make check     format, lint, types, who imports whom"
	@echo "make format    put files into the format that make check asks for"
	@echo "make bench     the benchmarks that need nothing said"
	@echo "make docs      the documentation as a site: site/index.html"
	@echo "make dist      sdists and wheels of both packages, checked: dist/ (REPOSITORY=https://...)"
	@echo "make dist-test make test and make demo in the unpacked sdist, by an environment of its own"
	@echo "make gpu       all that is to be seen of a GPU in fifteen minutes: benchmarks/on_gpu.py"
	@echo "make clean     remove $(VENV) and caches (runs/ stays)"

demo: $(VENV)/.installed
	$(BIN)/fasterseg run --recipe demo --run $(DEMO_RUN)
	@echo "The report: $(CURDIR)/$(DEMO_RUN)/report/index.html"

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow and not gpu"

test-all: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -m "not gpu" --timeout 1800

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# With a Python that has PyTorch for CUDA.  Nothing is downloaded: what it lacks lies in WHEELS.
gpu:
	@test -z "$(WHEELS)" || $(PYTHON) -m pip install --quiet --no-index --no-deps --upgrade \
		--target $(GPU_RUN)/site $(WHEELS)/*.whl
	PYTHONPATH=src:$(GPU_RUN)/site $(PYTHON) benchmarks/on_gpu.py --out $(GPU_RUN) \
		$(if $(CAMVID),--data $(CAMVID)) --device $(DEVICE)

bench: $(VENV)/.installed-dev
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python "benchmarks/$$name.py"; done

docs: $(VENV)/.installed-docs
	$(BIN)/python docs/generating
	$(BIN)/zensical build --strict

dist: $(VENV)/.installed-release
	$(BIN)/python packages/release.py $(if $(REPOSITORY),--repository $(REPOSITORY))

# What lies in dist/ is unpacked beside it, and knows nothing of this folder.
dist-test: dist
	rm -rf dist/unpacked && mkdir dist/unpacked
	tar -xzf dist/fasterseg-[0-9]*.tar.gz -C dist/unpacked --strip-components 1
	$(MAKE) -C dist/unpacked test demo

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache site

# A stamp is newer than what it was installed from, so that each install happens once.
$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "fasterseg needs Python 3.11 or later: none found on the PATH." >&2; exit 4; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing into $(VENV) ..."
	@$(PIP) -e '.[onnx,fast]' $(MODELS)
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing into $(VENV) with the development tools ..."
	@$(PIP) -e '.[onnx,openvino,fast,video,pretrained,tensorboard,mlflow,wandb,dev]' $(MODELS)
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing what the site is built with into $(VENV) ..."
	@$(PIP) -e '.[docs]'
	@touch $@

$(VENV)/.installed-release: $(VENV)/.made pyproject.toml constraints.txt
	@echo "Installing what releases are built with into $(VENV) ..."
	@$(PIP) -e '.[release]'
	@touch $@
