# Needs Python 3.11 or newer, git and make; everything else goes into .venv.
PYTHON ?= python3
RECIPE ?= sher_fetch_reach
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: run test bench lint docs pictures clean

run: $(READY)
	$(RUN) recipes/$(RECIPE).py $(ARGS)

test: $(READY)
	$(RUN) -m pytest

bench: $(READY)
	$(RUN) -m pytest benchmarks/suite -q --benchmark-json=bench.json --benchmark-disable-gc --benchmark-columns=median,iqr,rounds
	$(RUN) benchmarks/suite/table.py bench.json
	$(RUN) benchmarks/suite/gate.py bench.json

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy sher_rl
	$(VENV)/bin/lint-imports --no-logo

docs: $(READY)
	$(RUN) -m sphinx --fail-on-warning --quiet --builder html docs docs/_build/html

pictures: $(READY)
	$(RUN) docs/make_pictures.py

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[plot,video,density,test,lint,docs]'
	touch $(READY)

clean:
	rm -rf $(VENV) bench.json docs/_build
