# Needs Python 3.11 or newer, git and make; everything else goes into .venv.
PYTHON ?= python3
RECIPE ?= sher_fetch_reach
ARGS ?=
# For CPUs alone: make try-wheel TORCH="torch --extra-index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: run test bench bench-envpool lint docs pictures wheel try-wheel clean

run: $(READY)
	$(RUN) recipes/$(RECIPE).py $(ARGS)

test: $(READY)
	$(RUN) -m pytest -n 2 --dist loadfile

bench: $(READY)
	$(RUN) -m pytest benchmarks/suite -q --benchmark-json=bench.json --benchmark-disable-gc --benchmark-columns=median,iqr,rounds
	$(RUN) benchmarks/suite/table.py bench.json
	$(RUN) benchmarks/suite/gate.py bench.json

# EnvPool brings 750 MB of meshes, so it is installed when it is asked for.
bench-envpool: $(READY)
	$(RUN) -m pip install --quiet 'envpool>=1.2'
	$(RUN) -m pytest benchmarks/suite/test_collect_envpool.py -q -s -m '' --benchmark-disable-gc

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy sher_rl
	$(VENV)/bin/lint-imports --no-logo

docs: $(READY)
	$(RUN) -m sphinx --fail-on-warning --quiet --builder html docs docs/_build/html

pictures: $(READY)
	$(RUN) docs/make_pictures.py
	$(RUN) docs/make_uvfa_pictures.py

wheel: $(READY)
	rm -rf dist
	$(RUN) -m pip wheel --quiet --no-deps --wheel-dir dist .

# What somebody has who installs the wheel: an empty environment, no repository, a run, a policy, a report.
try-wheel: wheel
	rm -rf .try
	$(PYTHON) -m venv .try/venv
	.try/venv/bin/pip install --quiet $(TORCH) dist/*.whl matplotlib
	cd .try && venv/bin/sher-rl train fetch_reach --total-frames 4000 --run-name run
	cd .try && venv/bin/sher-rl play runs/run
	cd .try && venv/bin/sher-rl report runs/run

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[plot,video,density,test,lint,docs]'
	touch $(READY)

clean:
	rm -rf $(VENV) .try dist bench.json docs/_build
