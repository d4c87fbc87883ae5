"""The profile: name, time zone, theme, shortcuts, password and sessions."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from keyadmin.models import Person
from tests.factories import PASSWORD, PersonFactory
from tests.fixtures.clients import SignedIn
from tests.operations.helpers import latest_event

NEW = "a new and longer password"


@pytest.fixture(autouse=True)
def _no_attempts_yet(db: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def noor(db: None) -> Person:
    return PersonFactory.create(name="Noor Haddad", signs_in=True)


def test_person_changes_name_and_time_zone(noor: Person, signed_in: SignedIn) -> None:
    client = signed_in(noor)
    sent = {"name": "N. Haddad", "time_zone": "Europe/Copenhagen"}
    assert client.post("/profile/", sent)["Location"] == "/profile/"
    html = client.get("/profile/").content.decode()
    assert 'data-time-zone="Europe/Copenhagen"' in html
    assert 'value="N. Haddad"' in html
    assert "No changes to save." in client.post("/profile/", sent).content.decode()
    assert client.post("/profile/", sent | {"time_zone": "Mars/Olympus"}).status_code == 422
    assert client.post("/profile/", sent | {"name": ""}).status_code == 422


def test_fields_that_the_form_does_not_have_are_ignored(noor: Person, signed_in: SignedIn) -> None:
    sent = {"name": "Noor", "email": "evil@example.com", "system_role": "administrator", "is_active": ""}
    signed_in(noor).post("/profile/", sent)
    changed = Person.objects.get(id=noor.id)
    assert (changed.name, changed.email, changed.system_role) == ("Noor", noor.email, "")


@pytest.mark.parametrize(("theme", "kept"), [("dark", "dark"), ("auto", "auto"), ("neon", None)])
def test_theme_form_sets_the_cookie_for_known_themes_only(
    noor: Person, signed_in: SignedIn, theme: str, kept: str | None
) -> None:
    response = signed_in(noor).post("/profile/theme/", {"theme": theme})
    assert response.status_code == 302
    found = response.cookies.get("keyadmin_theme")
    assert (found.value if found else None) == kept
    assert signed_in(noor).get("/profile/theme/").status_code == 405


def test_single_key_shortcuts_can_be_switched_off(noor: Person, signed_in: SignedIn) -> None:
    client = signed_in(noor)
    assert " data-off>" not in client.get("/profile/").content.decode()
    assert client.post("/profile/shortcuts/", {"shortcuts": "off"})["Location"] == "/profile/"
    assert " data-off></template>" in client.get("/profile/").content.decode()
    client.post("/profile/shortcuts/", {"shortcuts": "nonsense"})
    assert " data-off></template>" in client.get("/profile/").content.decode()
    client.post("/profile/shortcuts/", {"shortcuts": "on"})
    assert " data-off>" not in client.get("/profile/").content.decode()
    assert client.get("/profile/shortcuts/").status_code == 405


def test_password_change_ends_other_sessions(noor: Person, signed_in: SignedIn) -> None:
    here, there = signed_in(noor), signed_in(noor)
    response = here.post("/profile/password/", {"current": PASSWORD, "password": NEW})
    assert response["Location"] == "/profile/"
    assert here.get("/profile/").status_code == 200
    assert there.get("/profile/").status_code == 302
    assert Person.objects.get(id=noor.id).check_password(NEW)
    assert latest_event().type == "person.password_changed"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"current": "wrong", "password": NEW}, "This is not your current password. Try again."),
        ({"current": PASSWORD, "password": "short"}, "This password is too short."),
        ({"current": PASSWORD, "password": ""}, "This field is required."),
    ],
)
def test_password_change_with_invalid_input_shows_the_error(
    noor: Person, signed_in: SignedIn, sent: dict[str, str], words: str
) -> None:
    response = signed_in(noor).post("/profile/password/", sent)
    assert response.status_code == 422
    html = response.content.decode()
    assert words in html
    assert PASSWORD not in html
    assert Person.objects.get(id=noor.id).check_password(PASSWORD)


def test_attempts_at_the_current_password_are_limited(noor: Person, signed_in: SignedIn, htmx: SignedIn) -> None:
    client = signed_in(noor)
    for _ in range(5):
        assert client.post("/profile/password/", {"current": "wrong", "password": NEW}).status_code == 422
    for throttled in (client, htmx(noor)):
        response = throttled.post("/profile/password/", {"current": PASSWORD, "password": NEW})
        assert response.status_code == 429
    assert "Too many attempts. Try again in 60 seconds." in response["HX-Trigger"]
    assert Person.objects.get(id=noor.id).check_password(PASSWORD)


def test_sign_out_everywhere_ends_all_sessions(noor: Person, signed_in: SignedIn) -> None:
    here, there = signed_in(noor), signed_in(noor)
    assert there.get("/profile/").status_code == 200
    assert here.post("/profile/sign-out-everywhere/")["Location"] == "/account/login/"
    for client in (here, there):
        assert client.get("/profile/").status_code == 302


def test_profile_redirects_to_sign_in_when_signed_out(db: None) -> None:
    for page in ("/profile/", "/profile/password/", "/profile/sign-out-everywhere/"):
        assert Client().post(page).status_code == 302


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Europe/Kyiv", "Europe/Kyiv"),
        ("america/new york", "America/New_York"),
        (" Berlin ", "Europe/Berlin"),
        ("New York, America", "America/New_York"),
        ("Buenos Aires", "America/Argentina/Buenos_Aires"),
        ("", ""),
    ],
)
def test_time_zone_is_found_by_name_or_city(noor: Person, signed_in: SignedIn, typed: str, zone: str) -> None:
    Person.objects.filter(id=noor.id).update(time_zone="Asia/Tokyo")
    assert signed_in(noor).post("/profile/", {"name": "Noor", "time_zone": typed}).status_code == 302
    assert Person.objects.get(id=noor.id).time_zone == zone


@pytest.mark.parametrize("typed", ["Europe/Kiev", "Asia/Calcutta", "US/Pacific", "UTC0", "EST", "Etc/GMT+5", "Mars"])
def test_former_names_of_time_zones_are_not_offered(noor: Person, signed_in: SignedIn, typed: str) -> None:
    client = signed_in(noor)
    assert f'value="{typed}"' not in client.get("/profile/").content.decode()
    refused = client.post("/profile/", {"name": "Noor", "time_zone": typed})
    assert refused.status_code == 422
    assert "Choose one of the time zones." in refused.content.decode()


def test_former_name_of_a_time_zone_that_is_stored_keeps_working(noor: Person, signed_in: SignedIn) -> None:
    Person.objects.filter(id=noor.id).update(time_zone="Asia/Calcutta")
    client = signed_in(noor)
    html = client.get("/profile/").content.decode()
    assert 'data-time-zone="Asia/Calcutta"' in html
    assert 'value="Asia/Calcutta"' in html
    assert client.post("/profile/", {"name": "Renamed", "time_zone": "Asia/Calcutta"}).status_code == 302
    changed = Person.objects.get(id=noor.id)
    assert (changed.name, changed.time_zone) == ("Renamed", "Asia/Calcutta")


def test_profile_says_what_the_time_zone_applies_to(noor: Person, signed_in: SignedIn) -> None:
    html = signed_in(noor).get("/profile/").content.decode()
    assert "Everything else is in UTC: days in charts and filters, expiry dates, exports and print." in html
