# `make run` and `make test` work in a fresh clone: each target installs what it needs first.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ARGS ?=
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input --quiet
LOCK := --generate-hashes --no-emit-find-links --no-emit-index-url --no-emit-options --no-emit-trusted-host --strip-extras

# Settings of production for `lint`, `check` and `wheel`. The secrets are new in each run, and there is no such database.
PRODUCTION := KEYADMIN_ENV=production KEYADMIN_ALLOWED_HOSTS=keys.example.com KEYADMIN_SMTP_HOST=mail.example.com \
	DATABASE_URL=postgresql://nobody@127.0.0.1:1/nowhere KEYADMIN_PEPPERS=1:$$($(PY) -c 'import secrets; print(secrets.token_hex(32))') \
	DJANGO_SECRET_KEY=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(64))')

# Three workers for two cores: while a test waits for a server or a deadline, two others use the processor.
PYTEST := $(PY) -m pytest -n 3 --dist worksteal
# The programs of the oldest PostgreSQL that keyadmin supports, as Debian and Ubuntu install them.
POSTGRES_15 := /usr/lib/postgresql/15/bin
# Tests of the schema, of statements and of transactions. They need neither a browser nor a server.
DATABASE_TESTS := tests/models tests/operations tests/db tests/explain tests/callpath tests/management

.PHONY: help run docs test test-fast test-services test-long fuzz lint check format wheel screenshots bench bench-pages lock clean \
	chromium postgres-15 wrk

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.embedded  ## serve on http://localhost:8000 (PORT=…) with a database and demo data; Ctrl-C stops it
	@exec $(PY) -m keyadmin.server.run

test: .venv/.dev chromium lint check  ## all checks, then the tests; ARGS="tests/web -x" selects tests
	@$(PYTEST) --ignore=tests/services $(ARGS)

test-fast: .venv/.dev lint check  ## all checks, then the tests without a browser and without server processes
	@$(PYTEST) --ignore=tests/services -m "not browser and not servers" $(ARGS)

# The tests of a file share one worker: two workers would build the wheel in the same folder.
test-services: .venv/.dev postgres-15  ## the database tests on PostgreSQL 15, and the tests of the wheel, scripts and diagrams
	@KEYADMIN_TEST_POSTGRES=$(POSTGRES_15) $(PYTEST) -m "not servers" $(DATABASE_TESTS) $(ARGS)
	@$(PYTEST) --dist loadfile tests/services $(ARGS)

test-long: .venv/.dev postgres-15  ## every test without a browser on PostgreSQL 15, with server processes
	@KEYADMIN_TEST_POSTGRES=$(POSTGRES_15) $(PYTEST) --hypothesis-profile=default --ignore=tests/services -m "not browser" \
		$(ARGS)

fuzz: .venv/.dev chromium  ## send random requests to pages, API and /verify as every role, and write build/fuzz/fuzz.md
	@$(PY) -m tests.fuzz $(ARGS)

lint: .venv/.dev  ## style, types and banned words
	@$(PY) -m ruff check --quiet --output-format concise
	@$(PY) -m ruff format --check --quiet || { echo 'Run `make format`.' >&2; exit 1; }
	@$(PRODUCTION) $(PY) -m mypy --no-error-summary --num-workers 2
	@$(PY) -m tests.docs.language

check: .venv/.dev  ## check for missing migrations, and run Django's checks for production
	@$(PRODUCTION) $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING

format: .venv/.dev  ## format the code
	@$(PY) -m ruff check --quiet --fix
	@$(PY) -m ruff format --quiet

docs: .venv/.dev  ## write the pages of docs/reference that are generated from the code
	@$(PY) -m tests.docs.reference

wheel: .venv/.dev  ## build the wheel into dist/, with templates, translations and static files inside
	@rm -rf build dist
	@$(PRODUCTION) KEYADMIN_STATIC_ROOT=build/static $(PY) manage.py collectstatic --no-input --verbosity 0
	@$(PY) -m build --wheel --no-isolation --outdir dist >build/log 2>&1 || { cat build/log >&2; exit 1; }
	@ls dist/*.whl

screenshots: .venv/.dev chromium  ## take screenshots of every page and dialog, light and dark, wide and narrow, into screenshots/
	@$(PY) -m tests.browser.screenshots screenshots

bench: .venv/.dev benchmarks/.venv/.done wrk  ## measure calls, without keyadmin and with similar libraries too, and write benchmarks/RESULTS.md
	@$(PY) -m benchmarks $(ARGS)

bench-pages: .venv/.dev  ## measure pages with a million keys and ten million events, and write benchmarks/PAGES.md
	@$(PY) -m benchmarks.pages $(ARGS)

lock: .venv/.dev  ## write the lock files from pyproject.toml (LOCK_ARGS=--upgrade for newer versions)
	@$(PY) -m piptools compile --quiet $(LOCK) $(LOCK_ARGS) --output-file=requirements/base.txt pyproject.toml
	@$(PY) -m piptools compile --quiet --constraint=requirements/base.txt --extra=embedded $(LOCK) $(LOCK_ARGS) \
		--output-file=requirements/embedded.txt pyproject.toml
	@$(PY) -m piptools compile --quiet --allow-unsafe --constraint=requirements/embedded.txt --extra=embedded --extra=dev $(LOCK) $(LOCK_ARGS) \
		--output-file=requirements/dev.txt pyproject.toml
	@$(PY) -m piptools compile --quiet --allow-unsafe --constraint=requirements/embedded.txt --extra=embedded --extra=bench $(LOCK) $(LOCK_ARGS) \
		--output-file=requirements/bench.txt pyproject.toml

clean:  ## remove generated files, except .local/ with your data and secrets
	@rm -rf .venv benchmarks/.venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist staticfiles screenshots *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The browser of the browser tests. The headless shell draws no windows, so the tests need a third less processor time.
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

# The oldest PostgreSQL that keyadmin supports, for test-services.
postgres-15:
	@[ -x $(POSTGRES_15)/postgres ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo 'Installing PostgreSQL 15 …'; \
		mkdir -p /etc/postgresql-common/createcluster.d; \
		echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/keyadmin.conf; \
		{ apt-get -qq update && apt-get -qq install -y postgresql-15; } >/dev/null && exit 0; \
	fi; \
	echo 'These tests need PostgreSQL 15. Install postgresql-15, or set POSTGRES_15 to the folder of its programs.' >&2; \
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
	@echo 'Installing the packages that the benchmarks compare keyadmin with …'
	@rm -rf benchmarks/.venv && $(PY) -m venv benchmarks/.venv
	@benchmarks/.venv/bin/python -m pip --disable-pip-version-check --no-input --quiet install --require-hashes -r $<
	@touch $@

.venv/.embedded: requirements/embedded.txt | .venv/bin/python
	@echo 'Installing the packages that keyadmin needs …'
	@$(PIP) install --require-hashes -r $<
	@touch $@

.venv/.dev: requirements/dev.txt | .venv/bin/python
	@echo 'Installing the packages that the tests need …'
	@$(PIP) install --require-hashes -r $<
	@touch $@ .venv/.embedded

# The first Python ≥ 3.12 that can create virtual environments.
.venv/bin/python:
	@for python in python3 python3.14 python3.13 python3.12; do \
		command -v $$python >/dev/null && $$python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null || continue; \
		$$python -c 'import ensurepip, venv' 2>/dev/null || { \
			echo "$$python cannot make virtual environments: install its venv package (Debian: python3-venv)." >&2; exit 1; }; \
		rm -rf .venv && exec $$python -m venv .venv; \
	done; \
	echo 'keyadmin needs Python 3.12 or newer, as python3 or python3.12 in PATH.' >&2; exit 1
