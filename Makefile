# Every target works in a fresh clone: the first one used makes .venv from requirements-dev.txt.
# What is needed: make, and Python 3.11 or newer. Another Python: make PYTHON=python3.12 test

PYTHON ?= python3
# Relative on purpose: the path of the checkout may hold spaces.
VENV_PYTHON = .venv/bin/python
READY = .venv/.ready

.PHONY: help demo test lint types campaign campaign-slice campaign-peers disks-table bench clean

help:
	@echo "make demo      watch the three scripts work on a small sample library, in ./demo-output"
	@echo "make test      the plain tests, under 2 minutes"
	@echo "make lint      ruff: faults and format"
	@echo "make types     mypy --strict, for this system and for Windows"
	@echo "make campaign  the slow crash, fault and mutation tests"
	@echo "make bench     how fast we are beside exiftool, cp, rsync, sha256sum and others, about 5 minutes"
	@echo "make clean     remove .venv, caches and what the demo made"

demo: $(READY)
	@$(VENV_PYTHON) -m demo.run_demo

# A process a core. Those that are done early take over what the others have not begun.
ON_ALL_CORES = -n auto --dist worksteal

test: $(READY)
	$(VENV_PYTHON) -m pytest -rfEs $(ON_ALL_CORES) -m "not campaign"

lint: $(READY)
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .

types: $(READY)
	$(VENV_PYTHON) -m mypy
	$(VENV_PYTHON) -m mypy --platform win32

campaign: $(READY)
	CAMPAIGN=full MUTATIONS=200000 $(VENV_PYTHON) -m pytest -rfEs $(ON_ALL_CORES) -m "campaign and not peers"

campaign-peers: $(READY)
	$(VENV_PYTHON) -m pytest -rfEs -m peers

# Every part of the campaign at the size of a slice, and whatever else wants more than Python: what CI holds to.
campaign-slice: $(READY)
	$(VENV_PYTHON) -m pytest -rfEs $(ON_ALL_CORES) -m "campaign and not peers"

# The table of file systems and stages in docs/safety.md, between its two marks: as root, about half an hour.
disks-table: $(READY)
	CAMPAIGN=full DISK_TABLE=docs/safety.md $(VENV_PYTHON) -m pytest -rfEs $(ON_ALL_CORES) tests/campaign/test_disks.py

bench: $(READY)
	$(VENV_PYTHON) -m bench.compare

clean:
	@$(PYTHON) -m demo.run_demo --remove
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Written last, so that an interrupted set-up is done again, and newer requirements are installed.
$(READY): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo 'Python 3.11 or newer is needed, and "$(PYTHON)" is missing or older.' \
	'Name another one: make PYTHON=python3.12 demo' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	{ echo '"$(PYTHON)" has no venv module. On Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@echo 'Setting up .venv (only this once)'
	@$(PYTHON) -m venv .venv
	@$(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $(READY)
