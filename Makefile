# `make` alone lists the targets. Plain venv and pip do the work; nothing is installed outside this folder.
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

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

app: .venv/installed ## set up if need be, start the app and print its address (PORT=8600 for another)
	@$(APP) -m streamlit run app.py --server.headless true --server.address localhost $(if $(PORT),--server.port $(PORT))

test: check ## run all checks, and all tests but the slow ones
	$(PYTEST) -m "not slow" --cov --cov-report=term --cov-fail-under=90

test-all: test .venv-test/installed-test-all ## run `make test`, then the slow tests: trainings, Ray, S3, every page in the browser
	$(PYTEST) -m slow

check: .venv-test/installed ## lint, formatting, types and directions of imports alone
	$(TEST) -m ruff check .
	$(TEST) -m ruff format --check .
	$(TEST) -m mypy
	$(dir $(TEST))lint-imports

train: .venv-train/installed ## fine-tune on DATA (a manifest or a folder with one sub-folder a class)
	$(TRAIN) train.py --data "$(DATA)"

evidence: .venv-train/installed ## measure the shipped bundle on DATA again: docs/evidence.md and MODEL_CARD.md
	$(TRAIN) train.py evaluate --data "$(DATA)"

bench: .venv-test/installed-bench ## measure speed and memory into benchmarks/results (WEIGHTS=checkpoint)
	$(TEST) -m benchmarks.reading $(if $(WEIGHTS),--weights "$(WEIGHTS)")
	$(TEST) -m benchmarks.memory
	$(TEST) -m benchmarks.server
	$(TEST) -m benchmarks.page
	$(TEST) -m benchmarks.cloud
	$(TEST) -m benchmarks.crowd --readings 5000
	$(TEST) -m benchmarks.replicas
	$(TEST) -m benchmarks.archive
	$(TEST) -m studies.archive_estimate
	$(TEST) -m scripts.reliability

fuzz: .venv-test/installed ## damage 50,000 files and see that none upsets the reader
	$(TEST) -m scripts.fuzz.fuzzer

audit: .venv-audit/installed ## ask the public advisories about every pinned package (needs a network)
	@.venv-audit/bin/python -m scripts.audit

messages: .venv-test/installed ## bring the translations up to date with the code
	$(TEST) -m scripts.messages

screenshots: .venv-test/installed ## make the pictures of the app in the documentation
	$(TEST) scripts/screenshots.py

release: test-all ## run every check and test, then what has to be true before a release
	$(TEST) -m scripts.release

lock: ## choose the exact versions anew (needs uv)
	scripts/lock.sh

clean: ## remove environments and caches; runs/ with its checkpoints stays
	rm -rf .venv .venv-test .venv-train .venv-audit .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis artefacts
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is made once; its `installed` file says that the installation came to its end.
.venv/installed: requirements.txt requirements/constraints.txt
.venv-train/installed: requirements/train.txt requirements.txt requirements/constraints.txt
.venv-test/installed: requirements/test.txt requirements/train.txt requirements.txt requirements/constraints.txt
.venv/installed .venv-train/installed .venv-test/installed:
	@python=$$(scripts/find_python.sh) || exit 1; \
	echo "Installing $< into $(@D) with $$("$$python" --version): a few minutes, only this once."; \
	"$$python" -m venv --clear $(@D) && $(@D)/bin/python -m pip install $(PIP_FLAGS) -r $< && touch $@

.venv-test/installed-bench .venv-test/installed-test-all: .venv-test/installed-%: requirements/%.txt .venv-test/installed
	$(TEST) -m pip install $(PIP_FLAGS) -r $< && touch $@

# Of its own: what looks at the packages is not one of them.
.venv-audit/installed:
	@python=$$(scripts/find_python.sh) || exit 1; \
	"$$python" -m venv --clear $(@D) && $(@D)/bin/python -m pip install $(PIP_FLAGS) "pip-audit>=2.9,<3" && touch $@
