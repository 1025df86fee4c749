# Two commands are enough: `make demo` walks the whole road on a small real data set, `make test` proves it.
.DEFAULT_GOAL := help
BIN := .venv/bin
PYTEST_ARGS ?=
WORKERS ?= 2
EPOCHS ?= 6
KILLS ?= 40
SEED ?= 1

.PHONY: help setup demo movielens test test-all test-faults lint docs format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## .venv with everything in it, Horovod compiled; at once when it is there
	@bash scripts/setup.sh

demo: setup ## Complete Journey from raw events to top-10 lists, metrics and an HTML report
	@$(BIN)/lstmrec run --config conf/demo.yaml

movielens: setup ## MovieLens-1M against published figures: EPOCHS=6, data in LSTMREC_ML1M; last line is one JSON object
	@$(BIN)/python scripts/data/movielens.py --from "$(LSTMREC_ML1M)" --out runs/movielens-1m-source
	@$(BIN)/lstmrec run --config conf/movielens-1m.yaml --set train.epochs=$(EPOCHS)

test: setup ## the default tests with coverage, two files at a time; PYTEST_ARGS passes through
	@$(BIN)/python -m pytest -m "not slow and not cluster" -n $(WORKERS) --dist loadfile --no-loadscope-reorder --cov=lstmrec --cov-report=term $(PYTEST_ARGS)

test-all: setup ## every test, also the slow ones and those on a cluster of this machine's own
	@$(BIN)/python -m pytest --cov=lstmrec --cov-report=term $(PYTEST_ARGS)

test-faults: setup ## faults injected: crash points, damaged files, KILLS=40 processes killed; last line is one JSON object
	@$(BIN)/python -m tests.faults --kills $(KILLS) --seed $(SEED)

lint: setup ## ruff, mypy --strict, and the walls between the packages
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: setup ## the made pages of docs/ anew, and the site in site/ (extra docs)
	@$(BIN)/python scripts/docs.py
	@$(BIN)/mkdocs build --strict

format: setup ## let ruff put imports and layout right
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## what runs wrote (runs/); .venv and the wheel cache stay
	@rm -rf runs
