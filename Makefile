# `make` lists the targets. Each creates and updates its own .venv from requirements/dev.lock first.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SPARK := .venv/.spark
CHECKOV := .venv/checkov/bin/checkov
BUNDLE := org.apache.hudi:hudi-spark3.5-bundle_2.12:0.15.0
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lakewright
JARS := $(CACHE)/jars
BUNDLE_JAR := $(JARS)/hudi-spark3.5-bundle_2.12-0.15.0.jar
HADOOP_S3 := org.apache.hadoop:hadoop-aws:3.3.4
AWS_SDK := com.amazonaws:aws-java-sdk-bundle:1.12.262
S3_JARS := $(JARS)/hadoop-aws-3.3.4.jar $(JARS)/aws-java-sdk-bundle-1.12.262.jar
TRINO := $(CACHE)/trino-server-476
NEEDS_MAVEN := command -v mvn > /dev/null || { echo "MISSING Maven (mvn), which gets what Spark needs, and Trino" >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-spark crash infra infra-full interop interop-full interop-trino bundle trino docs clean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s%s\n", $$1, $$2 }'

demo: $(READY) ## the example, end to end: load, live changes, a kill, a check
	@echo "== demo: lakewright demo examples/autocorp"
	@$(BIN)/lakewright demo examples/autocorp

# Commands that tests start would compile the sources each time where Python is told to keep nothing.
test: $(READY) ## all tests but the long fault runs, on a real PostgreSQL
	@echo "== test: pytest on three processes"
	@PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -q -n 3 --dist worksteal -m "not crash and not interop and not infra" --ignore tests/interop --ignore tests/infra

check: $(READY) ## style, types, layers, docs and generated pages
	@echo "== check: ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "== check: mypy"
	@$(BIN)/mypy
	@echo "== check: import layers"
	@$(BIN)/lint-imports
	@echo "== check: docs"
	@$(BIN)/python tools/docs.py --check

bench: $(READY) ## every figure beside its peer or limit, one JSON object a line
	@echo "== bench: python -m benchmarks" >&2
	@$(BIN)/python -m benchmarks --json

bench-spark: java $(SPARK) $(BUNDLE_JAR) ## the figures beside real Spark, whose packages it installs
	@for name in hudi-spark hudi-spark-upsert-small; do $(BIN)/python -m benchmarks $$name --json || exit 1; done

crash: $(READY) ## long fault runs: more histories, more kills
	@echo "== crash: pytest -m crash"
	@$(BIN)/pytest -q -m crash --ignore tests/interop --ignore tests/infra

infra: $(READY) $(CHECKOV) ## the Terraform of infra/, offline: format, validity, tests, security, one environment on an emulated AWS
	@echo "== infra: checkov"
	@CKV_SKIP_PACKAGE_UPDATE_CHECK=true $(CHECKOV) -d infra --framework terraform --skip-download --quiet --compact
	@echo "== infra: terraform fmt, validate, test, apply and destroy"
	@$(BIN)/pytest -q -n 2 -m "infra and not full" tests/infra

infra-full: $(READY) ## every environment and every module's example on an emulated AWS
	@echo "== infra: terraform apply and destroy"
	@$(BIN)/pytest -q -n 2 -m infra tests/infra/test_apply.py

interop: java $(SPARK) $(BUNDLE_JAR) $(S3_JARS) ## our tables read and written by real Spark 3.5 with Hudi 0.15
	@echo "== interop: pytest -m interop on two processes, each with a Spark"
	@HUDI_BUNDLE="$(BUNDLE_JAR)" $(BIN)/pytest -q -n 2 --dist worksteal -m "interop and not full" tests/interop --ignore tests/interop/test_trino.py

interop-full: java $(SPARK) $(BUNDLE_JAR) $(S3_JARS) ## the same, with more histories and a table of a million rows
	@echo "== interop: pytest -m interop, all of it"
	@HUDI_BUNDLE="$(BUNDLE_JAR)" $(BIN)/pytest -q -m interop tests/interop --ignore tests/interop/test_trino.py

interop-trino: java25 $(READY) $(TRINO) ## our tables read by real Trino 476
	@echo "== interop-trino: pytest tests/interop/test_trino.py"
	@TRINO_HOME="$(TRINO)" $(BIN)/pytest -q tests/interop/test_trino.py

docs: $(READY) ## write the generated pages of docs/reference
	@$(BIN)/python tools/docs.py

clean: ## remove .venv, caches and the example's lake
	@echo "== clean"
	@if [ -x $(BIN)/lakewright ]; then $(BIN)/lakewright -C examples/autocorp down; fi
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	rm -rf examples/*/.lakewright examples/*/raw examples/*/curated examples/*/quarantine examples/*/logs
	rm -rf examples/*/exports

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one: make PYTHON=python3.11")'
	@echo "== .venv: installing requirements/dev.lock"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: java java25
java:
	@test -n "$$JAVA_HOME" -a -x "$$JAVA_HOME/bin/java" || { echo "MISSING Java 17: set JAVA_HOME to its folder" >&2; exit 1; }

java25:
	@test -n "$$JAVA25_HOME" -a -x "$$JAVA25_HOME/bin/java" || { echo "MISSING Java 25: set JAVA25_HOME to its folder" >&2; exit 1; }

$(SPARK): $(READY) requirements/interop.lock
	@echo "== .venv: installing requirements/interop.lock"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/interop.lock
	@touch $@

$(CHECKOV): $(READY) requirements/checkov.lock
	@echo "== .venv/checkov: installing requirements/checkov.lock"
	@$(PYTHON) -m venv --clear .venv/checkov
	@.venv/checkov/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/checkov.lock
	@touch $@

bundle: $(BUNDLE_JAR) $(S3_JARS) ## get Hudi and S3 for Spark from Maven, once: 0.4 GB

$(BUNDLE_JAR): JAR = $(BUNDLE)
$(JARS)/hadoop-aws-%.jar: JAR = $(HADOOP_S3)
$(JARS)/aws-java-sdk-bundle-%.jar: JAR = $(AWS_SDK)
$(BUNDLE_JAR) $(S3_JARS):
	@$(NEEDS_MAVEN)
	@echo "== $(JARS): $(JAR)"
	@mvn --batch-mode -q dependency:copy -Dartifact=$(JAR) -DoutputDirectory="$(JARS)"

trino: $(TRINO) ## get Trino from Maven, once: 0.8 GB, of which 0.4 GB are kept

$(TRINO):
	@$(NEEDS_MAVEN)
	@echo "== $(TRINO): io.trino:trino-server:476"
	@rm -rf "$@.part"
	@mvn --batch-mode -q dependency:copy -Dartifact=io.trino:trino-server:476:tar.gz -DoutputDirectory="$@.part"
	@tar -xzf "$@.part"/*.tar.gz -C "$@.part"
	@find "$@.part/$(notdir $@)/plugin" -mindepth 1 -maxdepth 1 ! -name hudi -exec rm -r {} +
	@mv "$@.part/$(notdir $@)" "$@"
	@rm -r "$@.part"
