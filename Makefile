# Two commands for a fresh Debian or Ubuntu: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PYTHON := $(VENV)/bin/python
PYTEST := $(PYTHON) -m pytest -q
PYTHON_FOLDERS := $(wildcard lstm_edge tests examples scripts benchmarks)

# Where the environment forbids to keep bytecode, each process that tests start compiles whatever it
# imports: two of the four seconds of `lstm-edge compile`.
unexport PYTHONDONTWRITEBYTECODE

# A folder with ONNX's own node tests, for `make conformance`; without it their table is left out.
NODE_TESTS ?=

# A folder with files that exporters wrote, for `make exporters`; ../shared/onnx_patterns by default.
PATTERNS ?=

# A folder with models/ of public projects, for `make accuracy` and `make bench`; ../shared by
# default.
SHARED ?=

# A stamp: the Python packages are installed again only when their list has changed. Not compiled:
# half of the time of an installation, for modules of which few are ever imported.
PACKAGES := $(VENV)/.packages
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile

.PHONY: help
help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	    while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

.PHONY: setup
setup: $(PACKAGES) ## install the tools (apt) and a virtual environment in .venv

.PHONY: demo
demo: $(PACKAGES) ## compile the digits model for Cortex-M4, run it on this computer and in QEMU
	$(PYTHON) examples/digits/demo.py

.PHONY: examples
examples: $(PACKAGES) ## score all examples, in float and in integers; write examples/README.md anew
	$(PYTHON) -m examples.score --write

.PHONY: reports
reports: $(PACKAGES) ## write a report of each example, in build/reports
	$(PYTHON) -m examples.reports build/reports

# Environments of their own: the site's generator; PyTorch and Keras, for two walkthroughs.
DOCS_TOOLS := build/docs-tools
FRAMEWORKS := build/docs-frameworks

.PHONY: docs
docs: $(DOCS_TOOLS)/.packages reports ## build the documentation as a site, in build/site
	NO_MKDOCS_2_WARNING=1 $(DOCS_TOOLS)/bin/python -m mkdocs build --strict --quiet
	@echo "build/site/index.html; with its search: python3 -m http.server --directory build/site"

.PHONY: docs-test
docs-test: $(PACKAGES) $(FRAMEWORKS)/.packages docs ## run what needs PyTorch and Keras (1.3 GB), look at the site
	$(FRAMEWORKS)/bin/python -m pytest -q -m docs --disable-warnings tests/docs/test_frameworks.py
	$(PYTEST) -m docs tests/docs/test_site.py

$(DOCS_TOOLS)/.packages: pyproject.toml | tools
	"$$(scripts/setup.sh --python)" -m venv $(DOCS_TOOLS)
	$(DOCS_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

$(FRAMEWORKS)/.packages: pyproject.toml | tools
	"$$(scripts/setup.sh --python)" -m venv $(FRAMEWORKS)
	$(FRAMEWORKS)/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH_FROM) torch
	$(FRAMEWORKS)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[keras]' \
	    'keras>=3' onnxruntime onnxscript pytest
	touch $@

# An environment of its own: PyTorch is for this example alone. TORCH_FROM: options of pip, for
# instance an index of builds without CUDA, which are smaller.
QAT := build/qat
TORCH_FROM ?=

.PHONY: qat
qat: $(QAT)/.packages ## train examples to int4 with PyTorch, some minutes; write examples/qat/README.md anew
	$(QAT)/bin/python -m examples.qat.to_int4 --write

$(QAT)/.packages: pyproject.toml | tools
	"$$(scripts/setup.sh --python)" -m venv $(QAT)
	$(QAT)/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH_FROM) torch
	$(QAT)/bin/python -m pip install --quiet --disable-pip-version-check --editable . onnxruntime
	touch $@

# An environment of its own for build systems that packages are for: they pin what they need.
PACKAGE_TOOLS := build/package-tools

$(PACKAGE_TOOLS)/.packages: tests/packages/requirements.txt | tools
	scripts/setup.sh --packages
	"$$(scripts/setup.sh --python)" -m venv $(PACKAGE_TOOLS)
	$(PACKAGE_TOOLS)/bin/python $(PIP_INSTALL) -r $<
	touch $@

# One thread each for the two workers: more only wait for each other. What keeps one processor busy
# has something beside it: both environments are installed at once, types are checked while tests
# run. Each worker begins with its half of the tests, so that few fixtures are made twice, and takes
# of the other's once it is done.
.PHONY: test
test: export OMP_NUM_THREADS := 1
test: ## style, then types beside all tests but those of `make long`
	$(MAKE) --no-print-directory --jobs 2 $(PACKAGES) $(PACKAGE_TOOLS)/.packages
	$(MAKE) --no-print-directory style
	$(MAKE) --no-print-directory --jobs 2 types suite

.PHONY: suite
suite: $(PACKAGES) $(PACKAGE_TOOLS)/.packages
	$(PYTEST) -n 2 --dist worksteal -m "not long and not docs" tests

.PHONY: entire
entire: export OMP_NUM_THREADS := 1
entire: $(PACKAGES) $(PACKAGE_TOOLS)/.packages ## every case of every test, of which make test runs a part
	$(PYTEST) -n 2 --dist worksteal --all-cases -m "not long and not docs" tests

.PHONY: costs
costs: export OMP_NUM_THREADS := 1
costs: $(PACKAGES) $(PACKAGE_TOOLS)/.packages ## write tests/costs.txt anew, of all cases: an hour
	rm -rf build/costs
	$(PYTEST) -p tests.support.costs --all-cases -n 2 --dist worksteal -m "not long and not docs" tests
	$(PYTHON) -m tests.support.costs

.PHONY: long
long: export OMP_NUM_THREADS := 1
long: $(PACKAGES) ## tests over 100,000 steps: minutes for each network
	$(PYTEST) -n 2 -m long tests

.PHONY: qemu-test
qemu-test: $(PACKAGES) ## bit exactness on all boards that QEMU emulates, in all combinations
	$(PYTEST) --all-cases tests/qemu tests/host
	$(PYTEST) --all-cases -m all_cases tests/oracle tests/unit

.PHONY: mutants
mutants: $(PACKAGES) ## edit generated C line by line: what verify does not notice is printed
	$(PYTHON) -m tests.host.mutants --count 100

# Of each group of modules, or of GROUP; SEED: other lines; LIMIT: seconds of tests for an edit that
# none notices. What is left of the first run: build/mutation.
COUNT ?= 20
SEED ?= 0
GROUP ?=
LIMIT ?= 60

.PHONY: mutation
mutation: export OMP_NUM_THREADS := 1
mutation: $(PACKAGES) ## edit our own code line by line: what the tests do not notice is printed
	$(PYTHON) -m tests.mutation $(GROUP) --count $(COUNT) --seed $(SEED) --seconds $(LIMIT)

.PHONY: prove
prove: $(PACKAGES) ## Frama-C over generated C, CBMC and numpy over helpers: docs/proofs.md
	scripts/proof_tools.sh build/proofs
	$(PYTHON) -m tests.proofs

# An environment of its own: what reads files is instrumented there. FUZZ_SECONDS: of all together,
# beside what it takes to begin, about two minutes.
FUZZ := build/fuzz-tools
FUZZ_SECONDS ?= 600
FUZZ_READERS := onnx npz keras h5 data manifest

.PHONY: fuzz
fuzz: export OMP_NUM_THREADS := 1
fuzz: $(PACKAGES) $(FUZZ)/.packages ## fuzz readers of files and generated C for FUZZ_SECONDS, 600
	share=$$(($(FUZZ_SECONDS) / 8)); found=0; \
	for kind in $(FUZZ_READERS); do \
	    echo "$$kind: $$share s"; \
	    $(FUZZ)/bin/python -m tests.fuzz.readers $$kind --seconds $$share || found=1; \
	done; \
	$(PYTHON) -m tests.fuzz.generated --seconds $$((2 * share)) || found=1; \
	exit $$found

$(FUZZ)/.packages: tests/fuzz/requirements.txt | tools
	"$$(scripts/setup.sh --python)" -m venv $(FUZZ)
	$(FUZZ)/bin/python $(PIP_INSTALL) -r $<
	$(FUZZ)/bin/python $(PIP_INSTALL) --editable '.[keras]'
	touch $@

.PHONY: limits
limits: $(PACKAGES) ## files made to take all memory or all time: 20 s and 1 GB each, 20 minutes
	$(PYTHON) -m tests.fuzz.limits

# An environment of its own with the oldest numpy and onnx that pyproject.toml takes.
OLDEST := build/oldest

.PHONY: versions
versions: export OMP_NUM_THREADS := 1
versions: $(PACKAGES) $(OLDEST)/.packages ## bundles under the oldest numpy and onnx: the same bytes, five minutes
	$(PYTHON) -m tests.golden.versions $(OLDEST)/bin/python

$(OLDEST)/.packages: pyproject.toml | tools
	"$$(scripts/setup.sh --python)" -m venv $(OLDEST)
	$(OLDEST)/bin/python $(PIP_INSTALL) --editable '.[keras]' 'numpy==1.26.*' 'onnx==1.16.*' 'protobuf<6'
	touch $@

.PHONY: misra
misra: $(PACKAGES) ## hold the C of examples to MISRA C:2012 and clang-tidy, five minutes; docs/misra.md
	$(PYTHON) -m tests.misra.table

.PHONY: random
random: $(PACKAGES) ## 1,000 random models, from the file to QEMU: half an hour
	$(PYTHON) -m tests.oracle.random_models --count 1000

.PHONY: check
check: style types ## style, types and the order of imports: half a minute, later a few seconds
	$(PYTEST) tests/unit/test_imports.py

.PHONY: style
style: $(PACKAGES)
	$(PYTHON) -m ruff check $(PYTHON_FOLDERS)
	$(PYTHON) -m ruff format --check $(PYTHON_FOLDERS)

.PHONY: types
types: $(PACKAGES)
	$(PYTHON) -m mypy

.PHONY: golden
golden: $(PACKAGES) ## write the golden files anew; look at the difference before you commit it
	$(PYTEST) tests/golden --update-golden

.PHONY: conformance
conformance: $(PACKAGES) ## write docs/conformance.md anew
	$(PYTHON) -m tests.oracle.conformance_table $(NODE_TESTS)

.PHONY: networks
networks: $(PACKAGES) ## write the tables of docs/networks.md anew: cells, layers and patterns
	$(PYTHON) -m tests.oracle.networks_table

.PHONY: exporters
exporters: $(PACKAGES) ## write docs/exporters.md anew
	$(PYTHON) -m tests.oracle.exporter_table $(PATTERNS)

.PHONY: accuracy
accuracy: $(PACKAGES) ## write docs/accuracy.md anew
	$(PYTHON) -m tests.oracle.accuracy_table $(SHARED)

# An environment of its own for another code generator; without it its table is left out.
PEER := build/peer

.PHONY: bench
bench: $(PACKAGES) $(PEER)/.packages ## write docs/benchmarks.md anew: counts, ten minutes
	$(PYTHON) -m benchmarks run --peer $(PEER) $(if $(SHARED),--shared $(SHARED))

.PHONY: bench-update
bench-update: $(PACKAGES) ## write benchmarks/counts.json anew, which a test holds
	$(PYTHON) -m benchmarks update

# Without a network `make bench` goes on; the stamp is only made when the package is there.
$(PEER)/.packages: pyproject.toml | tools
	"$$(scripts/setup.sh --python)" -m venv $(PEER)
	$(PEER)/bin/python -m pip install --quiet --disable-pip-version-check emx-onnx-cgen==1.4.0 && \
	    touch $@ || echo "emx-onnx-cgen cannot be installed: its table is left out" >&2

.PHONY: wheel
wheel: $(PACKAGES) ## build the wheel, in dist/
	$(PYTHON) -m build --wheel --outdir dist .

.PHONY: clean
clean: ## remove everything that make has made
	rm -rf build dist $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find $(PYTHON_FOLDERS) -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: tools
tools:
	scripts/setup.sh

$(PACKAGES): pyproject.toml | tools
	"$$(scripts/setup.sh --python)" -m venv $(VENV)
	$(PYTHON) $(PIP_INSTALL) --editable '.[dev]'
	touch $@
