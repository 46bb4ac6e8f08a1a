# make demo: install, estimate the sample photo. make test: install, run the tests. make lint: ruff and pyright.
# make test-web: build the AR page and test it, in Chromium too. make clean: remove what these made.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-web lint clean

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/base: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e .
	touch $@

.venv/dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[train,video,parquet,dev]"
	touch $@ .venv/base

demo: .venv/base
	$(BIN)/knuckle demo --out out/demo

test: .venv/dev
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile

# What Python alone knows the page's tests compare with: golden data, the rig, what the package exports.
test-web: .venv/base
	tools/test_web.sh $(BIN)/python

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

clean:
	rm -rf .venv out web/node_modules web/dist web/build web/generated web/golden
