# Everything a developer does here, on a fresh Debian or Ubuntu machine too. `make` lists it.
.DEFAULT_GOAL := help
.PHONY: help demo test check cases same properties imports benchmark sweep fuzz docker images clean

PYTHON_IN_VENV := .venv/bin/python
ARGS ?=

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## The example: would a rollback work? With Docker if it answers, else sealed by bubblewrap (ENGINE=sandbox)
	@.ci/demo $(ARGS)

test: ## All tests, then check; installs and starts what is missing (ARGS="-k name": fewer)
	@.ci/setup compiler venv zig docker emulator registry remote bubblewrap databases
	LAMBDA_ROLLBACK_REQUIRE_DOCKER=1 $(PYTHON_IN_VENV) -m pytest -n 2 --dist loadfile $(ARGS)
	@$(MAKE) --no-print-directory check

check: ## Lint, formatting and types, also as on macOS and Windows
	@.ci/setup venv
	$(PYTHON_IN_VENV) -m ruff check .
	$(PYTHON_IN_VENV) -m ruff format --check .
	$(PYTHON_IN_VENV) -m mypy
	$(PYTHON_IN_VENV) -m mypy --platform darwin pytest_lambda_rollback
	$(PYTHON_IN_VENV) -m mypy --platform win32 pytest_lambda_rollback

cases: ## Rollbacks with real packages: recall, false alarms, right causes (ARGS="--only NAME")
	@.ci/setup venv bubblewrap
	$(PYTHON_IN_VENV) tests/tools/case_scorer/score.py $(ARGS)

same: ## Every version of every case against itself: nothing may break (ARGS="--only NAME")
	@.ci/setup venv bubblewrap
	$(PYTHON_IN_VENV) tests/tools/same_version.py $(ARGS)

properties: ## Answers by chance with a known verdict, more of them and others each time (ARGS="-k http")
	@.ci/setup venv
	EXAMPLES=1000 FIRST_EXAMPLE=$$RANDOM $(PYTHON_IN_VENV) -m pytest tests/properties $(ARGS)

imports: ## The imports contract against really importing each name (ARGS="--only jwt")
	@.ci/setup venv
	$(PYTHON_IN_VENV) tests/tools/import_differential.py $(ARGS)

benchmark: ## Speed against AWS's Runtime Interface Emulator, as ratios
	@.ci/setup venv docker emulator
	$(PYTHON_IN_VENV) tests/benchmarks/run.py $(ARGS)

sweep: ## What a large account costs: API requests, memory, a killed sync (about six minutes)
	@.ci/setup venv
	$(PYTHON_IN_VENV) tests/benchmarks/aws_sweep.py $(ARGS)

fuzz: ## Random input for the carrier, built with sanitizers (ARGS="--seconds 600")
	@.ci/setup compiler venv bubblewrap
	$(PYTHON_IN_VENV) tests/tools/carrier_fuzz.py $(ARGS)

docker: ## Install and start a Docker daemon if permitted
	@.ci/setup docker

images: ## The stand-in base images of the Docker tests (needs root and Docker)
	@.ci/setup venv images

clean: ## Remove what these commands made in this folder (not Docker's images)
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
