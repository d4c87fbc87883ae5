# Everything keyadmin needs is made here: `make run` and `make test` work on a fresh clone.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ARGS ?=
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input --quiet
LOCK := --generate-hashes --no-emit-find-links --no-emit-index-url --no-emit-options --no-emit-trusted-host --strip-extras

# What `check` runs under: production's settings, with values that open nothing.
PRODUCTION := KEYADMIN_ENV=production KEYADMIN_ALLOWED_HOSTS=keys.example.com KEYADMIN_SMTP_HOST=mail.example.com \
	DATABASE_URL=postgresql://nobody@127.0.0.1:1/nowhere KEYADMIN_PEPPERS=1:$$($(PY) -c 'import secrets; print(secrets.token_hex(32))') \
	DJANGO_SECRET_KEY=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))')

.PHONY: help run test lint check format screenshots bench bench-pages lock clean chromium wrk

help:  ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.base  ## serve on http://localhost:8000 (PORT=…) with a database and demo data; Ctrl-C stops it
	@exec $(PY) -m keyadmin.server.run

test: .venv/.dev chromium lint check  ## all checks, then the tests; ARGS="tests/setup -x" narrows the tests
	@$(PY) -m pytest -n 2 --dist worksteal $(ARGS)

lint: .venv/.dev  ## style and types
	@$(PY) -m ruff check --quiet --output-format concise
	@$(PY) -m ruff format --check --quiet || { echo 'Run `make format`.' >&2; exit 1; }
	@$(PRODUCTION) $(PY) -m mypy --no-error-summary

check: .venv/.dev  ## missing migrations, and Django's checks for production
	@$(PRODUCTION) $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING

format: .venv/.dev  ## put the code into the house style
	@$(PY) -m ruff check --quiet --fix
	@$(PY) -m ruff format --quiet

screenshots: .venv/.dev chromium  ## picture every page and dialog into screenshots/, light and dark, wide and narrow
	@$(PY) -m tests.browser.screenshots screenshots

bench: .venv/.dev benchmarks/.venv/.done wrk  ## measure calls beside floors and peers, and write benchmarks/RESULTS.md
	@$(PY) -m benchmarks $(ARGS)

bench-pages: .venv/.dev  ## measure pages with a million keys and ten million events, and write benchmarks/PAGES.md
	@$(PY) -m benchmarks.pages $(ARGS)

lock: .venv/.dev  ## make the lock files anew from pyproject.toml (LOCK_ARGS=--upgrade for newer versions)
	@$(PY) -m piptools compile --quiet $(LOCK) $(LOCK_ARGS) --output-file=requirements/base.txt pyproject.toml
	@$(PY) -m piptools compile --quiet --allow-unsafe --constraint=requirements/base.txt --extra=dev $(LOCK) $(LOCK_ARGS) \
		--output-file=requirements/dev.txt pyproject.toml
	@$(PY) -m piptools compile --quiet --allow-unsafe --constraint=requirements/base.txt --extra=bench $(LOCK) $(LOCK_ARGS) \
		--output-file=requirements/bench.txt pyproject.toml

clean:  ## remove what was made, except .local/ with your data and secrets
	@rm -rf .venv benchmarks/.venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build staticfiles screenshots *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The browser of the browser tests. The headless shell draws no windows, which saves a third of what they cost.
chromium:
	@has() { command -v "$$1" >/dev/null; }; \
	any() { has chromium-headless-shell || has chromium || has chromium-browser || has google-chrome; }; \
	has chromium-headless-shell && exit 0; \
	if [ "$$(id -u)" = 0 ] && has apt-get; then \
		echo 'Installing Chromium …'; \
		timeout 120 sh -c 'apt-get -qq update && apt-get -qq install -y chromium-headless-shell' >/dev/null 2>&1 || any || \
			apt-get -qq install -y chromium >/dev/null; \
	fi; \
	any && exit 0; \
	echo 'The browser tests need Chromium: install chromium-headless-shell, chromium, chromium-browser or google-chrome so that it is in PATH.' >&2; \
	exit 1

# The load generator of the benchmarks.
wrk:
	@command -v wrk >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo 'Installing wrk …'; \
		{ apt-get -qq update && apt-get -qq install -y wrk; } >/dev/null && exit 0; \
	fi; \
	echo 'The benchmarks need wrk: install it so that it is in PATH.' >&2; \
	exit 1

benchmarks/.venv/.done: requirements/bench.txt | .venv/bin/python
	@echo 'Installing what the benchmarks compare with …'
	@rm -rf benchmarks/.venv && $(PY) -m venv benchmarks/.venv
	@benchmarks/.venv/bin/python -m pip --disable-pip-version-check --no-input --quiet install --require-hashes -r $<
	@touch $@

.venv/.base: requirements/base.txt | .venv/bin/python
	@echo 'Installing what keyadmin needs …'
	@$(PIP) install --require-hashes -r $<
	@touch $@

.venv/.dev: requirements/dev.txt | .venv/bin/python
	@echo 'Installing what the tests need …'
	@$(PIP) install --require-hashes -r $<
	@touch $@ .venv/.base

# Any Python from 3.12 on that can make virtual environments.
.venv/bin/python:
	@for python in python3 python3.14 python3.13 python3.12; do \
		command -v $$python >/dev/null && $$python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null || continue; \
		$$python -c 'import ensurepip, venv' 2>/dev/null || { \
			echo "$$python cannot make virtual environments: install its venv package (Debian: python3-venv)." >&2; exit 1; }; \
		rm -rf .venv && exec $$python -m venv .venv; \
	done; \
	echo 'keyadmin needs Python 3.12 or newer, as python3 or python3.12 in PATH.' >&2; exit 1
