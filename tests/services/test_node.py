"""Checks that need Node.js: types and style of the scripts, and the syntax of every diagram in the documents."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from keyadmin.env import ROOT

NODE: Final = Path(__file__).with_name("node")
SCRIPTS: Final = sorted((ROOT / "static" / "js").glob("*.js"))
DOCUMENTS: Final = sorted(path for path in ROOT.glob("docs/**/*.md") if "```mermaid" in path.read_text())


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder beside the checkout's files in which the locked npm packages are installed."""
    if not shutil.which("npm"):
        pytest.fail("Install Node.js 20 or later with npm; as root on Debian: apt-get install nodejs npm")
    folder = tmp_path_factory.mktemp("node")
    for source in NODE.iterdir():
        if source.is_file():
            shutil.copy(source, folder)
    run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], folder)
    return folder


def run(command: list[str], folder: Path) -> str:
    """The output of a command; a failing command fails the test with its output."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_scripts_pass_the_type_check(node_modules: Path) -> None:
    for script in SCRIPTS:
        assert script.read_text().startswith("// @ts-check\n"), script.name
    options = ["--allowJs", "--checkJs", "--noEmit", "--strict", "--target", "es2023", "--types", ""]
    libraries = ["--lib", "es2023,dom,dom.iterable", "--module", "es2022", "--moduleResolution", "bundler"]
    run(["npx", "tsc", *options, *libraries, *map(str, SCRIPTS)], node_modules)


def test_scripts_pass_the_linter(node_modules: Path) -> None:
    folder = node_modules / "scripts"
    shutil.copytree(ROOT / "static" / "js", folder, dirs_exist_ok=True)
    run(["npx", "eslint", "--max-warnings=0", "scripts"], node_modules)


def test_diagrams_can_be_parsed(node_modules: Path) -> None:
    assert DOCUMENTS
    printed = run(["node", "parse_diagrams.mjs", *map(str, DOCUMENTS)], node_modules)
    assert f"{sum(path.read_text().count('```mermaid') for path in DOCUMENTS)} diagrams parsed" in printed
