# People and CI run the same targets; `make help` prints them.

VENV ?= .venv
PYTHON = $(VENV)/bin/python

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
