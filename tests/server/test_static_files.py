"""Static files as production serves them: joined, with hashes in their names, at most twelve for a page."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.management import call_command
from django.test import Client

STORAGES: Final = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "keyadmin.server.static_storage.JoinedStaticFilesStorage"},
}
#: Files that a browser requests for one page, fonts and icon included.
MAX_STATIC_REQUESTS: Final = 12
HASHED: Final = re.compile(r"\.[0-9a-f]{12}\.[a-z0-9]+$")


@pytest.fixture
def collected(tmp_path: Path, settings: Any) -> Path:
    """The folder that `collectstatic` filled with the production storage."""
    settings.STORAGES, settings.STATIC_ROOT, settings.DEBUG = STORAGES, str(tmp_path), False
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path


def requested_by(html: str, collected: Path) -> set[str]:
    """The static files that a browser loads for a page: those it names, and those that they name."""
    waiting = set(re.findall(r'(?:href|src)="/static/([^"]+)"', html))
    requested: set[str] = set()
    while waiting:
        name = waiting.pop()
        requested.add(name)
        if name.startswith(("css/", "js/")):
            text = (collected / name).read_text()
            names = re.findall(r'url\("([^"#)]+)"\)|@import "([^"]+)"|from "([^"]+)"', text)
            folder = (collected / name).parent
            named = {(folder / next(filter(None, found))).resolve().relative_to(collected) for found in names}
            waiting |= {str(path) for path in named} - requested
    return requested


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/account/login/", "/api/docs"])
def test_page_makes_at_most_twelve_static_requests_all_hashed(collected: Path, path: str) -> None:
    requested = requested_by(Client().get(path).content.decode(), collected)
    assert len(requested) <= MAX_STATIC_REQUESTS, sorted(requested)
    assert [name for name in requested if not HASHED.search(name)] == []
    assert any("inter-latin" in name for name in requested)


def test_joined_style_sheet_contains_every_style_sheet(collected: Path) -> None:
    assert isinstance(staticfiles_storage, ManifestFilesMixin)
    joined = (collected / staticfiles_storage.stored_name("css/app.css")).read_text()
    assert "@import" not in joined
    sources = [Path(str(finders.find("css/app.css"))).parent.rglob("*.css")]
    for source in (path for paths in sources for path in paths if path.name != "app.css"):
        assert source.read_text().strip().splitlines()[-3].strip() in joined, source.name
