.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
# Many processes are started here; where images forbid it, each would compile all that it imports.
export PYTHONDONTWRITEBYTECODE :=
BIN := $(VENV)/bin
PEERS ?= $(HOME)/.cache/stellwerk/bench-peers
READY := $(VENV)/.ready
PACKAGES := --constraint constraints.txt --editable '.[dev]'
FIRST_HALF := $(addprefix tests/,engines contract worker operations lane upstreams)
INSTALL_WITH_UV = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $(PACKAGES)
INSTALL_WITH_PIP = $(BIN)/pip install --quiet $(PACKAGES)

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Stellwerk into $(VENV) ..."
	@# uv is several times faster; where it cannot reach an index, pip with its own settings may.
	@$(BIN)/pip install --quiet --disable-pip-version-check uv && $(INSTALL_WITH_UV) || $(INSTALL_WITH_PIP)
	@touch $@

.PHONY: help serve test test-long lint format bench bench-lane bench-peers docs lock dist clean

help:  ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

serve: $(READY)  ## fetch the starter models and serve on 127.0.0.1:8000 (ARGS="--port 9000")
	@$(BIN)/stellwerk serve --pull $(ARGS)

test: lint  ## lint, types, import rules and the tests (ARGS="tests/features -k keys")
ifdef ARGS
	$(BIN)/pytest -m 'not long' $(ARGS)
else
	@# Many tests wait for processes of theirs, so two halves at once take little more than one.
	@$(BIN)/pytest -m 'not long' $(addprefix --ignore=,$(FIRST_HALF)) tests > $(VENV)/second.log 2>&1 & \
	  second=$$!; first=0; $(BIN)/pytest -m 'not long' $(FIRST_HALF) || first=$$?; \
	  status=0; wait $$second || status=$$?; cat $(VENV)/second.log; exit $$((first + status))
endif

test-long: $(READY)  ## the tests that need more time than `make test` gives
	$(BIN)/pytest -m long $(ARGS)

lint: $(READY)  ## style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)  ## put the code into the house's form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## measure the hub against the bare engines and other gateways
	$(BIN)/python -m bench $(ARGS)

bench-lane: $(READY)  ## measure the hub against nginx (ARGS="--rows json,stream", "--full")
	@$(BIN)/python -m bench.lane $(ARGS)

bench-peers:  ## install the peers that bench measures too, outside the checkout
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet 'litellm[proxy]==1.106.2' 'vllm-router==0.1.17' \
	  'pgqueuer==1.6.0' asyncpg uvloop

docs: $(READY)  ## write the generated pages of docs/reference
	$(BIN)/python -m docs.generate

lock: $(READY)  ## resolve the dependencies anew into constraints.txt
	$(BIN)/uv pip compile --quiet --no-emit-index-url --no-header --no-annotate --universal \
	  --python-version 3.11 --extra dev --output-file constraints.txt pyproject.toml

dist: $(READY)  ## build the wheel and the source archive
	$(BIN)/python -m build

clean:  ## remove what make built here
	rm -rf $(VENV) dist build
