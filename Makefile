# Everything a developer runs. Each target makes .venv by itself when it is missing or out of date.
.DEFAULT_GOAL := help
.PHONY: help venv demo test soak bench lint format docs lock clean

BIN := .venv/bin

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

venv: ## make or refresh .venv from requirements.lock
	@scripts/venv

demo: venv ## everything at work for a minute or so: two sites, one of them killed, and the figures against the truth
	@$(BIN)/twinmart demo

test: venv ## the test suite, on a real PostgreSQL that it starts itself (ARGS="-k partitions" narrows it)
	@$(BIN)/pytest -n auto --dist loadgroup $(ARGS)

soak: venv ## the tests that run for minutes
	@$(BIN)/pytest -m soak --timeout=3600 $(ARGS)

bench: venv ## measure: events a second, time to start, time to report
	@$(BIN)/python -m bench $(ARGS)

lint: venv ## format check, lint, types, layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: venv ## rewrite the code as the linter wants it
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: venv ## rewrite the generated pages of docs/reference
	@$(BIN)/python -m scripts.docs

lock: ## resolve requirements.lock anew (needs uv)
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --no-annotate --group dev pyproject.toml --output-file requirements.lock

clean: ## remove .venv and every cache
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
