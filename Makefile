# make demo: install, estimate the sample photo. make test: install, run the tests. make web: build the AR page.
# make test-web: build it and test it, in Chromium too. make test-archives: what needs Daft, Ray and an S3 server (in an
# environment of its own). make docs: the documentation site, in out/docs. make lint: ruff and pyright. make clean:
# remove what these made.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo test web test-web test-archives docs lint clean

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
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile -m "not archives"

.venv-archives/done: pyproject.toml
	$(PYTHON) -m venv .venv-archives
	.venv-archives/bin/python -m pip install --quiet --disable-pip-version-check -e ".[archives-ray,archives-test,video]"
	touch $@

test-archives: .venv-archives/done
	.venv-archives/bin/python -m pytest tests/archives

web: .venv/base
	tools/build_web.sh $(BIN)/python

# What Python alone knows the page's tests compare with: golden data, the rig, what the package exports.
test-web: .venv/base
	tools/test_web.sh $(BIN)/python

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

.venv/docs: .venv/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	touch $@

docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf .venv .venv-archives out web/node_modules web/dist web/build web/generated web/golden
