PYTHON ?= python3
VENV ?= .venv
RUN = $(abspath $(VENV))/bin/python
INSTALLED = $(VENV)/.installed
CHOICE = -m "not slow"

.PHONY: demo tables test lint clean

demo: $(INSTALLED)  ## every task on what is bundled; needs no weights, data or network
	cd zeroshot_cls && $(RUN) main.py --config configs/demo.yaml
	cd zeroshot_seg && $(RUN) main.py --config configs/demo.yaml
	cd fewshot_cls && $(RUN) main.py --config configs/demo.yaml
	cd zeroshot_det && $(RUN) main.py --config configs/demo.yaml

tables: $(INSTALLED)  ## ablations and what rests on what, on what is bundled, by the code that makes the paper's tables
	PYTHON=$(RUN) scripts/demo_tables.sh

test: $(INSTALLED)  ## the tests but slow ones; all of them with CHOICE=
	$(RUN) -m pytest $(CHOICE)

lint: $(INSTALLED)  ## style, common faults, and which room may import which
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(abspath $(VENV))/bin/lint-imports

$(INSTALLED): requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet -r requirements-dev.txt
	touch $@

clean:  ## the environment and what runs wrote
	rm -rf $(VENV) build output */output
