# `make` lists the targets. They use venv and pip, and install nothing outside this folder.
PORT ?=
DATA ?= ../shared/data/manifest.csv
WEIGHTS ?=
PIP_FLAGS := --quiet --disable-pip-version-check

APP := .venv/bin/python
TRAIN := .venv-train/bin/python
TEST := .venv-test/bin/python
# Two processes even on a large machine: each may hold TensorFlow and a network.
PYTEST = $(TEST) -m pytest -n 2 --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help app test test-all check train evidence bench fuzz audit messages screenshots release lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

app: .venv/installed ## install if needed, start the app and print its address (PORT=8600 for another port)
	@$(APP) -m streamlit run app.py --server.headless true --server.address localhost $(if $(PORT),--server.port $(PORT))

test: check ## run the checks, and all tests except the slow ones
	$(PYTEST) -m "not slow" --cov --cov-report=term --cov-fail-under=90

# The slow tests run one after the other: each of them uses all cores, and some kill processes at a certain moment.
test-all: test .venv-test/installed-test-all ## run `make test`, then the slow tests: training, Ray, S3, accessibility
	$(TEST) -m pytest -m slow

check: .venv-test/installed ## check style, formatting, types and the direction of imports
	$(TEST) -m ruff check .
	$(TEST) -m ruff format --check .
	$(TEST) -m mypy
	$(dir $(TEST))lint-imports

train: .venv-train/installed ## fine-tune on DATA (a manifest, or a folder with one sub-folder per class)
	$(TRAIN) train.py --data "$(DATA)"

evidence: .venv-train/installed ## evaluate the bundle on DATA; writes docs/evidence.md and MODEL_CARD.md
	$(TRAIN) train.py evaluate --data "$(DATA)"

bench: .venv-test/installed-bench ## measure speed and memory; writes benchmarks/results (WEIGHTS=checkpoint)
	$(TEST) -m benchmarks.reading $(if $(WEIGHTS),--weights "$(WEIGHTS)")
	$(TEST) -m benchmarks.memory
	$(TEST) -m benchmarks.server
	$(TEST) -m benchmarks.page
	$(TEST) -m benchmarks.cloud
	$(TEST) -m benchmarks.cloud --large --sessions 6 --readings 3
	$(TEST) -m benchmarks.crowd --readings 5000
	$(TEST) -m benchmarks.replicas
	$(TEST) -m benchmarks.classroom
	$(TEST) -m benchmarks.archive
	$(TEST) -m studies.archive_estimate
	$(TEST) -m scripts.reliability

fuzz: .venv-test/installed ## read 50,000 damaged files and check how each one ends
	$(TEST) -m scripts.fuzz.fuzzer
	$(TEST) -m scripts.fuzz.damage

audit: .venv-audit/installed ## look up the pinned packages in the public advisories (needs a network)
	.venv-audit/bin/pip-audit --requirement requirements/constraints.txt --no-deps --disable-pip --progress-spinner off

messages: .venv-test/installed ## update the translation catalogues from the code
	$(TEST) -m scripts.messages

screenshots: .venv-test/installed ## take the screenshots of the documentation
	$(TEST) scripts/screenshots.py

release: test-all ## run all checks and tests, then list what is missing for a release
	$(TEST) -m scripts.release

lock: ## update the pinned versions (needs uv)
	scripts/lock.sh

clean: ## remove environments and caches, but not runs/
	rm -rf .venv .venv-test .venv-train .venv-audit .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis artefacts
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The file `installed` in an environment marks a complete installation.
.venv/installed: requirements.txt requirements/constraints.txt
.venv-train/installed: requirements/train.txt requirements.txt requirements/constraints.txt
.venv-test/installed: requirements/test.txt requirements/train.txt requirements.txt requirements/constraints.txt
.venv/installed .venv-train/installed .venv-test/installed:
	@python=$$(scripts/find_python.sh) || exit 1; \
	echo "Installing $< into $(@D) with $$("$$python" --version): a few minutes, only this once."; \
	"$$python" -m venv --clear $(@D) && $(@D)/bin/python -m pip install $(PIP_FLAGS) -r $< && touch $@

.venv-test/installed-test-all: requirements/archive.txt
.venv-test/installed-bench .venv-test/installed-test-all: .venv-test/installed-%: requirements/%.txt .venv-test/installed
	$(TEST) -m pip install $(PIP_FLAGS) -r $< && touch $@

# A separate environment, so that the tool is not among the packages that it audits.
.venv-audit/installed:
	@python=$$(scripts/find_python.sh) || exit 1; \
	"$$python" -m venv --clear $(@D) && $(@D)/bin/python -m pip install $(PIP_FLAGS) "pip-audit>=2.9,<3" && touch $@
