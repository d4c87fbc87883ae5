"""Passwords are hashed in a part of the threads. What there is no room for is refused, and does not count."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import check_password, make_password
from django.test import Client

from keyadmin.conf import conf
from keyadmin.core.errors import BusyError
from keyadmin.models import AttemptCount, Person
from keyadmin.operations.people.password_hasher import MAX_WAIT_SECONDS, hashing_thread

PASSWORD = "correct horse battery staple"


@pytest.fixture
def _full(sam: Person) -> Iterator[None]:
    """As many threads hash, or wait for their turn, as may. The person was created before."""
    release = threading.Event()
    count = conf.threads // 2
    with ThreadPoolExecutor(count) as pool:
        for _ in range(count):
            pool.submit(hashing_thread.run, lambda: release.wait(30))
        while hashing_thread._waiting < count:
            pass
        yield
        release.set()


@pytest.mark.usefixtures("_full")
def test_hash_without_room_is_refused() -> None:
    with pytest.raises(BusyError):
        make_password(PASSWORD)


def test_hash_whose_turn_does_not_come_is_refused() -> None:
    release = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(hashing_thread.run, lambda: release.wait(MAX_WAIT_SECONDS + 10))
        with pytest.raises(BusyError):
            make_password(PASSWORD)
        release.set()
    assert check_password(PASSWORD, make_password(PASSWORD))


@pytest.mark.usefixtures("_full")
@pytest.mark.parametrize("email", ["sam@northwind.example", "unknown@northwind.example"])
def test_sign_in_without_room_is_503_and_no_failure(sam: Person, email: str) -> None:
    page = Client().post("/account/login/", {"login": email, "password": PASSWORD})
    assert (page.status_code, page["Retry-After"]) == (503, "2")
    assert "Many people are signing in" in page.content.decode()
    api = Client().post("/api/token", {"email": email, "password": PASSWORD}, content_type="application/json")
    assert (api.status_code, api["Retry-After"]) == (503, "2")
    assert api.json()["type"] == "urn:keyadmin:problem:overloaded"
    assert not AttemptCount.objects.exists()
