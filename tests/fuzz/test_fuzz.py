"""A small part of `python -m tests.fuzz`: every page and every operation, as some roles, some requests each."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.fixtures.commands import connected_to, database
from tests.fuzz.api import ApiRun
from tests.fuzz.pages import PagesRun
from tests.fuzz.results import Results
from tests.fuzz.sending import Answer, InProcess, Request
from tests.fuzz.verify import VerifyRun
from tests.fuzz.world import World
from tests.integrations.gateway.servers import verify
from tests.live.servers import database_url_of

SEED = "keyadmin"
ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")


@pytest.fixture
def name(migrated: str, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A database of its own, in which the requests may do what they like."""
    with database("fuzz", migrated) as name, connected_to(name, django_db_blocker):
        yield name


def in_words(results: Results) -> str:
    return "\n\n".join(str(failure) for failure in results.failures)


def test_no_page_and_no_form_answers_5xx_to_random_requests(name: str) -> None:
    results, sender = Results(SEED), InProcess()
    PagesRun(World(), sender, results, count=1, roles=("system administrator",)).run()
    sender.close()
    assert results.failures == [], in_words(results)
    assert results.total().statuses[302] > 10, "forms were filled in and saved"
    assert results.total().past >= results.total().requests / 2


def test_no_operation_of_the_api_answers_5xx_to_random_requests(name: str) -> None:
    results, sender = Results(SEED), InProcess()
    ApiRun(World(), sender, results, count=1, roles=("system administrator", "owner", "bot key")).run()
    sender.close()
    assert results.failures == [], in_words(results)
    assert results.total().past >= results.total().requests / 2


@pytest.mark.servers
def test_verify_answers_no_5xx_to_random_requests(name: str, tmp_path: Path) -> None:
    results = Results(SEED)
    with verify(tmp_path, database_url_of({"NAME": name})) as server:
        VerifyRun(World(), server.server.port, results, count=5).run()
    assert results.failures == [], in_words(results)
    assert results.total().past >= results.total().requests / 2


def test_same_seed_sends_the_same_requests(migrated: str, django_db_blocker: DjangoDbBlocker) -> None:
    first, second, other = (sent(seed, migrated, django_db_blocker) for seed in (SEED, SEED, "other"))
    assert first == second
    assert first != other


def sent(seed: str, migrated: str, blocker: DjangoDbBlocker) -> list[str]:
    """The requests of a small run, without the ids of its objects and credentials."""
    recorder = Recorder()
    with database("fuzz", migrated) as name, connected_to(name, blocker):
        ApiRun(World(), recorder, Results(seed), count=10, roles=("owner",), only="POST /api/(keys|bots)$").run()
    recorder.close()
    return recorder.requests


class Recorder(InProcess):
    """Notes what it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []

    def send(self, request: Request) -> Answer:
        self.requests.append(ID.sub("id", f"{request.method} {request.path} {request.body!r}"))
        return super().send(request)
