# People and CI run the same targets; `make help` prints them.

VENV ?= .venv
PYTHON = $(VENV)/bin/python
# One process more than there are processors, since tests also wait; with two more, those against real servers run late.
# Each takes file after file, so that what a module or session starts is started once a process; the order stays, since
# the slow folders come first.
IN_PARALLEL = -n $(or $(WORKERS),$(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help

.PHONY: help
help: ## Print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: run
run: venv ## Start the demo: a DIMSE archive, Radgate and a viewer (FOLDER=dir shows your own DICOM files)
	@$(VENV)/bin/radgate demo $(if $(FOLDER),--folder "$(FOLDER)")

.PHONY: venv
venv: ## Make .venv with everything the demo needs (make run does it by itself)
	@VENV=$(VENV) scripts/bootstrap.sh demo

.PHONY: dev
dev: ## Make .venv with everything that building and testing needs
	@VENV=$(VENV) scripts/bootstrap.sh demo,dev

.PHONY: gen
gen: dev ## Generate the Python stubs and Envoy's descriptor from proto/
	@$(PYTHON) scripts/generate.py

.PHONY: lint
lint: dev ## Check style, types, direction of imports, protos, that they break no client, and that generated files are current
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/buf lint
	@$(VENV)/bin/buf format --diff --exit-code
	@$(VENV)/bin/buf breaking proto --against proto/baseline.binpb
	@$(PYTHON) scripts/generate.py --check
	@$(PYTHON) scripts/settings_manual.py --check
	@$(PYTHON) scripts/alert_rules.py --check
	@$(PYTHON) scripts/metrics_manual.py --check

.PHONY: baseline
baseline: dev ## At a release: make proto/baseline.binpb, with which make lint compares the protos from then on
	@$(VENV)/bin/buf build proto --exclude-source-info --output proto/baseline.binpb

.PHONY: format
format: dev ## Format code and protos
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .
	@$(VENV)/bin/buf format --write

.PHONY: services
services: ## Install from Debian's packages what the tests run against, when it is missing
	@scripts/install_services.sh

.PHONY: test
test: dev services ## Run all tests but test-slow and drills: unit, rpc, contract, conformance, integration, end to end, cluster (WORKERS=n at a time)
	@$(MAKE) --no-print-directory coverage
	@$(MAKE) --no-print-directory test-services
	@$(MAKE) --no-print-directory test-cluster

NO_SERVICE = tests/rpc tests/unit tests/conformance

.PHONY: test-unit
test-unit: dev ## Run the tests that need no service
	@$(PYTHON) -m pytest $(IN_PARALLEL) $(NO_SERVICE)

.PHONY: test-services
test-services: dev services ## Run the tests that test-unit leaves out
	@$(PYTHON) -m pytest $(IN_PARALLEL) $(NO_SERVICE:%=--ignore=%)

.PHONY: test-cluster
test-cluster: dev services ## Run the end-to-end tests of one server against two machines of two processes behind one Envoy
	@$(PYTHON) -m pytest --cluster tests/e2e

.PHONY: test-slow
test-slow: dev services ## Run the tests that take too long for make test
	@$(PYTHON) -m pytest -m slow

.PHONY: coverage
coverage: dev ## Run test-unit (or TESTS=tests: all) and measure its coverage by branch, which has a floor
	@$(PYTHON) -m coverage erase
	@$(PYTHON) -m coverage run -m pytest $(IN_PARALLEL) $(or $(TESTS),$(NO_SERVICE))
	@$(PYTHON) -m coverage combine --quiet
	@printf 'coverage by branch, in percent: '; $(PYTHON) -m coverage report --format=total

.PHONY: cluster
cluster: dev services ## Start two machines of two processes, two workers, one Envoy, PostgreSQL, Redis, NATS, S3, a PACS (FOLDER=dir)
	@$(PYTHON) -m tests.cluster $(if $(FOLDER),--folder "$(FOLDER)")

.PHONY: wheelhouse
wheelhouse: venv ## Make dist/wheelhouse, from which Radgate installs without a network (EXTRAS=redis,vault)
	@$(PYTHON) scripts/wheelhouse.py --extras "$(EXTRAS)"

.PHONY: bench
bench: dev services ## Measure against Orthanc, DCMTK and the bare limit (some minutes)
	@$(PYTHON) -m tests.bench

.PHONY: drill
drill: dev services ## Lose PostgreSQL, Redis, NATS, the PACS, a machine ... one at a time, while 50 clients compare every byte (SECONDS=n each)
	@$(PYTHON) -m tests.drill.machines --seconds $(or $(SECONDS),15)

.PHONY: drill-jobs
drill-jobs: dev services ## Run 1,000 jobs while workers, machines and NATS are killed, then again without NATS (JOBS=n each)
	@$(PYTHON) -m tests.drill.jobs --jobs $(or $(JOBS),1000)

.PHONY: drill-versions
drill-versions: dev services ## Replace servers of the version before by this one's while clients compare every byte (BEFORE=commit)
	@$(PYTHON) -m tests.drill.versions $(if $(BEFORE),--before $(BEFORE))

.PHONY: fuzz
fuzz: dev ## Give damaged frames to the codecs for a while: make fuzz MINUTES=20
	@$(PYTHON) -W ignore -m tests.fuzz --minutes $(or $(MINUTES),20)
