"""Rejects words that STYLE rules out: `python -m tests.docs.language` names each line and exits with 1."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from keyadmin.env import ROOT

#: Words that make a sentence a riddle. "Whoever has the shell" says less than "A user with shell access".
BANNED: Final = re.compile(r"\b(whoever|nobody|somebody|anybody|everybody|what became of|be it by)\b", re.IGNORECASE)
SUFFIXES: Final = {".css", ".html", ".js", ".md", ".py", ".sql", ".txt"}
FOLDERS: Final = ("benchmarks", "deploy", "docs", "keyadmin", "static", "templates", "tests")
#: These files name the words.
EXEMPT: Final = {Path("tests/docs/language.py"), Path("tests/docs/test_documents.py")}


def banned_lines(text: str) -> list[tuple[int, str]]:
    """The number and the banned word of each offending line."""
    lines = enumerate(text.splitlines(), start=1)
    return [(number, match[0]) for number, line in lines for match in [BANNED.search(line)] if match]


def checked_files() -> list[Path]:
    """Tracked and new files of the folders, and the documents at the top, relative to the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    paths = [Path(name) for name in listed]
    return [
        path
        for path in paths
        if path.suffix in SUFFIXES
        and (path.parts[0] in FOLDERS or path.match("*.md"))
        and path not in EXEMPT
        and (ROOT / path).is_file()
    ]


def main() -> int:
    found = [
        f"{path}:{number}: {word}: say who or what is meant"
        for path in checked_files()
        for number, word in banned_lines((ROOT / path).read_text(encoding="utf-8"))
    ]
    sys.stderr.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
