PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# What tests compile once, the next run need not compile again, in each of their processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo serve test types tests coverage soak fuzz schema bench release floors extras lock results site clean

DEMO := demo_output
FINE_TUNING := --variant ampnet-small --recipe modern --pretrained bundled --epochs 6 --batch-size 16 --lr 0.02

define show
	@printf '\n$$ %s\n' '$(1)'
	@cd $(DEMO) && PATH="$(abspath $(BIN)):$$PATH" $(1)
endef

demo: $(VENV)/installed
	@rm -rf $(DEMO) && mkdir $(DEMO)
	$(call show,ampnet predict ../tests/samples/group.jpg --annotate pictures)
	$(call show,ampnet prepare ../tests/samples/faces)
	$(call show,ampnet eval --out eval/before)
	$(call show,ampnet train --name demo $(FINE_TUNING))
	$(call show,ampnet eval checkpoint/demo)
	$(call show,ampnet predict ../tests/samples/portrait.jpg --checkpoint checkpoint/demo)
	@printf '\nall of it is in %s/, the annotated photo in %s/pictures/group.jpg\n' $(DEMO) $(DEMO)

PORT ?= 8000

serve: $(VENV)/serving
	@trap : INT; $(BIN)/ampnet serve --port $(PORT) || [ $$? -eq 130 ]  # Ctrl-C is how it ends

# Types are checked beside the tests, not before them: mypy uses one core only.
test: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs=2 types tests

types: $(VENV)/installed
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

QUICK := -n auto --dist loadfile --no-loadscope-reorder -m "not soak" --ignore tests/soak

tests: $(VENV)/installed
	$(BIN)/pytest $(QUICK)

coverage: $(VENV)/installed
	$(BIN)/pytest $(QUICK) --cov --cov-report=term --cov-report=html

soak: $(VENV)/installed
	$(BIN)/pytest -n auto --dist loadfile -m soak

FUZZ_SEED ?= 0
FUZZ_REPEATS ?= 1

fuzz: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.hostile.fuzz --seed $(FUZZ_SEED) --repeats $(FUZZ_REPEATS)

schema: $(VENV)/installed
	$(BIN)/python -m tools.write_schema

bench: $(VENV)/installed
	$(BIN)/python -m benchmarks.network
	$(BIN)/python -m benchmarks.preprocessing
	$(BIN)/python -m benchmarks.detection

release: $(VENV)/installed site
	$(BIN)/pip install --quiet --editable ".[release]"
	$(BIN)/python -m tools.release

floors extras: $(VENV)/installed
	$(BIN)/pip install --quiet --editable ".[release]"
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tools/environments.py $@

FER ?= fer
RAW ?= fer2013
VOTES ?= fer2013new.csv

results: $(VENV)/installed
	$(BIN)/python -m benchmarks.results --fer $(FER) --raw $(RAW) --votes $(VOTES) --only "$(ONLY)"
	$(BIN)/python -m tools.scientific_record

site: $(VENV)/installed
	$(BIN)/pip install --quiet --editable ".[docs]"
	$(BIN)/python -m tools.site_pages
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "the site is in build/site/index.html"

# The versions of this environment, for `make LOCKED=1 test` and the Dockerfile; Pythons that it cannot speak for get the newest.
lock: $(VENV)/installed
	$(BIN)/pip install --quiet --editable ".[release]"
	mkdir -p build
	$(BIN)/pip list --format=freeze --exclude-editable | sed "s/$$/ ; python_version >= '3.11'/" > build/installed.txt
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra release --universal --python-version 3.10 --constraint build/installed.txt \
		--no-emit-index-url --no-annotate --no-header --quiet --upgrade --output-file requirements.lock

define install
	@echo "installing ampnet and what it needs into $(VENV): once, some minutes without a word"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $(if $(LOCKED),--constraint requirements.lock) --editable ".[$(1)]"
	touch $@
endef

$(VENV)/installed: pyproject.toml
	$(call install,dev)

# Less than the tests need, so that the page is there sooner.
$(VENV)/serving: pyproject.toml
	$(call install,serve)

clean:
	rm -rf $(VENV) $(DEMO) build/npm
