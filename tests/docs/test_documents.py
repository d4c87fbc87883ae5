"""The documents agree with the code and with one another."""

import re
from pathlib import Path
from typing import Final

from keyadmin.env import ROOT
from tests.docs import language, reference

DOCUMENTS: Final = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")])
MAX_REQUEST_LINE_LENGTH: Final = 100
VARIABLE: Final = re.compile(r"\b(?:KEYADMIN_[A-Z_]*[A-Z]|DJANGO_SECRET_KEY|DATABASE_URL|WEB_CONCURRENCY|PORT)\b")
#: A read of the environment: `env.integer("NAME", …)`, or one of these functions inside env.py.
READ: Final = re.compile(
    r'(?:env\.\w+|text|secret|flag|integer|csv|networks|_configured_or_generated|environ(?:\.get)?)[(\[]\s*"([A-Z_]+)"'
)


def test_lines_of_documents_are_not_too_long() -> None:
    """Tables and URLs cannot be wrapped."""
    long = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in DOCUMENTS
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > MAX_REQUEST_LINE_LENGTH and not line.startswith(("|", "![")) and "http" not in line
    ]
    assert long == []


def test_links_between_documents_resolve() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_reference_lists_exactly_the_environment_variables_that_code_reads() -> None:
    sources = [*ROOT.glob("keyadmin/**/*.py"), ROOT / "gunicorn.conf.py"]
    read = {name for source in sources for name in READ.findall(source.read_text())}
    read |= {"DATABASE_URL", "KEYADMIN_OWNER_DATABASE_URL", "KEYADMIN_CALLS_DATABASE_URL", "PORT"}
    read -= {"DJANGO_SETTINGS_MODULE", "PROMETHEUS_MULTIPROC_DIR"}
    page = (ROOT / "docs/reference/environment.md").read_text()
    listed = set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))
    assert listed == {name for name in read if VARIABLE.fullmatch(name)}


def test_language_check_finds_banned_words() -> None:
    assert language.banned_lines("Fine.\n# Whoever asks waits.") == [(2, "Whoever")]
    assert Path("README.md") in language.checked_files()


def test_generated_reference_is_current() -> None:
    """If this fails, run `make docs`."""
    assert reference.COMMANDS_PAGE.read_text() == reference.commands_page()
    assert reference.METRICS_PAGE.read_text() == reference.metrics_page()
