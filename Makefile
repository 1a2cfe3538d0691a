# Each target makes the virtual environment it needs. PYTHON chooses the interpreter.
PYTHON ?= python3
BIN := .venv/bin
STUDENT ?= build/student
HOURS ?= 2
DEVICE ?= cpu
BATCH ?= 16

.PHONY: run test check bench soak siege dashboards student painter painter-eye clean

run: .venv/base
	$(BIN)/allaprima serve

# -rs: what was left out, and why, is said at the end
test: .venv/dev .venv/foreign/ready
	@sh tests/tools.sh
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -rs

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy clients/python/hatch_build.py
	$(BIN)/lint-imports

bench: .venv/base
	$(BIN)/python -m benchmarks.server

# Sixteen people come and go for half an hour: what is left of them in the server
MINUTES ?= 30
soak: .venv/base
	$(BIN)/python -m benchmarks.soak --clients 16 --minutes $(MINUTES)

# Every attack we know of against a server with a polite neighbour, some 25 minutes. Of some only: make siege SIEGE="--group 2"
SIEGE ?=
siege: .venv/base
	$(BIN)/python -m benchmarks.siege $(SIEGE)

# Draw the pictures of docs/operating.md again, from the dashboards and a server under load
dashboards: .venv/dev
	$(BIN)/python -m benchmarks.rehearsal --watts 35

# Write the page of metrics again, from their declarations
docs/metrics.md: server/instruments.py server/metrics_doc.py server/types.py | .venv/base
	$(BIN)/python -m server.metrics_doc > $@.new && mv $@.new $@

# Make the embedded student again, from nothing. On a GPU: make student DEVICE=cuda BATCH=512
student: .venv/student
	BIN=$(BIN) OUT=$(STUDENT) HOURS=$(HOURS) DEVICE=$(DEVICE) BATCH=$(BATCH) sh training/make.sh

# Make the painter, the student that is served by default, again. On a GPU: make painter DEVICE=cuda BATCH=64. Of some looks
# only: make painter LOOKS="comic,van gogh". From the one that ships: make painter FROM=engines/students/painter
PAINTER ?= build/painter
LOOKS ?=
FROM ?=
painter: .venv/student
	BIN=$(BIN) OUT=$(PAINTER) HOURS=$(HOURS) DEVICE=$(DEVICE) BATCH=$(BATCH) LOOKS="$(LOOKS)" FROM="$(FROM)" sh training/painter/make.sh

# Of it, its eye alone: build/painter/student is then the painter that ships with an eye of its own
EYE_HOURS ?= 1
painter-eye: .venv/student
	BIN=$(BIN) OUT=$(PAINTER) EYE_HOURS=$(EYE_HOURS) DEVICE=$(DEVICE) sh training/painter/make_eye.sh

.venv/base: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	touch $@

.venv/dev: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@ .venv/base

# Other people's clients, which the tests hold the server to, in an environment of their own: some bring much
OTHERS := tests/end_to_end/foreign
.venv/foreign/ready: $(OTHERS)/requirements.txt $(OTHERS)/brought.txt $(OTHERS)/package.json
	$(PYTHON) -m venv .venv/foreign
	.venv/foreign/bin/pip install --quiet --no-deps -r $(OTHERS)/requirements.txt -r $(OTHERS)/brought.txt
	mkdir -p .venv/foreign/node && cp $(OTHERS)/package.json .venv/foreign/node/
	if command -v npm >/dev/null; then npm install --prefix .venv/foreign/node --no-fund --no-audit --silent; fi
	touch $@

.venv/student: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[student]'
	touch $@ .venv/base

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
