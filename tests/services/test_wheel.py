"""The wheel: built, installed into a fresh environment outside the checkout, migrated, and serving a page."""

import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from keyadmin import __version__
from keyadmin.env import ROOT
from tests.live.servers import free_port


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The wheel that `make wheel` builds."""
    subprocess.run(["make", "--no-print-directory", "-o", ".venv/.dev", "wheel"], cwd=ROOT, check=True, timeout=300)
    (built,) = (ROOT / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder outside the checkout with an environment `.venv`, which has the wheel and the locked packages."""
    folder = Path(tmp_path_factory.mktemp("installed"))
    subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True, timeout=120)
    python = str(folder / ".venv/bin/python")
    pip = [python, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check", "install"]
    lock = ROOT / "requirements" / "embedded.txt"
    subprocess.run([*pip, "--require-hashes", "-r", lock], cwd=folder, check=True, timeout=600)
    subprocess.run([*pip, "--no-deps", wheel], cwd=folder, check=True, timeout=120)
    return folder


@pytest.fixture
def environ(installed: Path) -> dict[str, str]:
    """The environment of an operator, without any setting of keyadmin."""
    ours = ("KEYADMIN_", "DATABASE_URL", "DJANGO_", "PYTHON", "PG")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def keyadmin(folder: Path, environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The console script, to its end."""
    return subprocess.run(
        [folder / ".venv/bin/keyadmin", *arguments],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def address(installed: Path, environ: dict[str, str]) -> Iterator[str]:
    """Where `keyadmin run` serves."""
    port = free_port()
    environ |= {"PORT": str(port), "KEYADMIN_VERIFY_PORT": str(free_port())}
    log = installed / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [installed / ".venv/bin/keyadmin", "run"], cwd=installed, env=environ, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 120
        while "keyadmin is at" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield f"http://localhost:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()


def test_wheel_holds_templates_sql_translations_and_hashed_static_files(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"keyadmin/templates/base.html", "keyadmin/staticfiles/staticfiles.json"} <= set(names)
    assert any(name.startswith("keyadmin/locale/") for name in names)
    assert any(re.fullmatch(r"keyadmin/staticfiles/.*\.[0-9a-f]{12}\.css", name) for name in names)
    in_checkout = {str(path.relative_to(ROOT)) for path in (ROOT / "keyadmin").rglob("*.sql")}
    assert in_checkout <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "templates/"))]


def test_installed_package_serves_a_page_with_its_styles(
    installed: Path, environ: dict[str, str], address: str
) -> None:
    page = httpx.get(address, follow_redirects=True, timeout=30)
    assert page.status_code == 200
    sheets = re.findall(r'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"', page.text)
    assert sheets
    for sheet in sheets:
        answer = httpx.get(f"{address}{sheet}", timeout=30)
        assert (answer.status_code, answer.headers["content-type"]) == (200, 'text/css; charset="utf-8"')
        assert "immutable" in answer.headers["cache-control"]
    assert httpx.get(f"{address}/healthz").json() == {"status": "ok", "version": __version__}
    assert httpx.get(f"{address}/readyz").json() == {"status": "ok"}, "the worker runs, and the database is migrated"
    organisations = keyadmin(installed, environ, "manage", "organisations", "list", "--json")
    assert (organisations.returncode, organisations.stderr) == (0, "")
    assert "northwind" in organisations.stdout
    assert (installed / ".local").is_dir(), "data are beside the user, not in site-packages"


def test_console_script_prints_its_version(installed: Path, environ: dict[str, str]) -> None:
    printed = keyadmin(installed, environ, "--version")
    assert (printed.returncode, printed.stdout, printed.stderr) == (0, f"keyadmin {__version__}\n", "")


def test_console_script_with_a_wrong_argument_prints_its_usage(installed: Path, environ: dict[str, str]) -> None:
    printed = keyadmin(installed, environ, "serve")
    assert (printed.returncode, printed.stdout) == (2, "")
    assert printed.stderr.startswith("usage: keyadmin COMMAND")


def test_without_the_extra_run_says_what_to_install(
    wheel: Path, installed: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    blocked = tmp_path / "psutil.py"
    blocked.write_text("raise ModuleNotFoundError('no psutil', name='psutil')\n")
    printed = keyadmin(installed, environ | {"PYTHONPATH": str(tmp_path), "PORT": str(free_port())}, "run")
    assert printed.returncode == 2
    assert printed.stderr == (
        "Error: DATABASE_URL is not set, and psutil is not installed. Set it, or install keyadmin[embedded].\n"
    )
