"""Requests every page from a running web server, and counts the statements of each in Django.

    python -m benchmarks.pages.measure PORT PIDS REQUESTS FILE PARTS KEYS EVENTS ORGANISATIONS NOW

writes the figures to FILE, as JSON.
"""

import json
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter
from typing import Any

import django

from benchmarks.load import cpu_seconds
from benchmarks.pages.places import READERS, Place, places
from benchmarks.pages.world import World, identifier

#: Attempts to count statements: a busy machine may exceed the deadline of a page.
MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class Figure:
    """The figures of one page for one reader.

    `times` are the milliseconds of all requests in ascending order; `cpu` the processor's milliseconds per request, of
    web server and PostgreSQL together; `statements` the most that Django executed for a request; `first` the longest
    first request of an address.
    """

    reader: str
    part: str
    what: str
    status: int
    statements: int
    cpu: float
    first: float
    times: list[float]


def main(port: int, pids: list[int], requests: int, file: Path, parts: set[str], world: World) -> None:
    django.setup()
    figures = []
    for reader, number in READERS.items():
        client = _signed_in(identifier("person", number))
        connection = Connection(port, client.cookies)
        for place in (place for place in places(world, number) if not parts or place.part in parts):
            figure = _measure(connection, client, pids, reader, place, requests)
            figures.append(figure)
            file.write_text(json.dumps([asdict(measured) for measured in figures]))
            p95 = percentile(figure.times, 95)
            summary = f"{figure.status} {figure.statements:>3} {figure.cpu:>7.0f} {p95:>7.0f} ms"
            sys.stdout.write(f"{reader[:28]:<28} {place.part:<8} {place.what:<34} {summary}\n")
            sys.stdout.flush()


def percentile(times: list[float], percent: int) -> float:
    """The percentile of sorted times, by nearest rank."""
    return times[max(0, -(-len(times) * percent // 100) - 1)]


def _measure(
    connection: "Connection", client: Any, pids: list[int], reader: str, place: Place, requests: int
) -> Figure:
    connection.close()  # the server closes idle connections
    warming = [connection.request(address) for address in place.addresses]
    before = cpu_seconds(pids)
    requested = [connection.request(address) for address in islice(cycle(place.addresses), requests)]
    spent = (cpu_seconds(pids) - before) / requests * 1000
    statements = max(_statements(client, address) for address in place.addresses[:3])
    status = next((status for status, _ in (*warming, *requested) if status != 200), 200)
    first, times = max(duration for _, duration in warming), sorted(duration for _, duration in requested)
    return Figure(reader, place.part, place.what, status, statements, spent, first, times)


def _statements(client: Any, address: str) -> int:
    from django.db import OperationalError, connection
    from django.test.utils import CaptureQueriesContext

    for _ in range(MAX_ATTEMPTS):
        try:
            with CaptureQueriesContext(connection) as captured:
                client.get(address)
        except OperationalError:  # the deadline of pages applies here, too
            connection.close()
        else:
            return len(captured)
    return 0


def _signed_in(person: Any) -> Any:
    from django.conf import settings
    from django.test import Client

    from keyadmin.models import Person

    client = Client(headers={"host": "localhost"})
    client.force_login(Person.objects.get(id=person), backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


class Connection:
    """A keep-alive connection with the cookies of a browser."""

    def __init__(self, port: int, cookies: Any) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=120)
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
        self._headers = {"Cookie": cookie, "Host": "localhost"}

    def close(self) -> None:
        """Closes the connection. The next request opens it again."""
        self._connection.close()

    def request(self, address: str) -> tuple[int, float]:
        """Status (0 if the server closed the connection) and milliseconds to the last byte."""
        began = perf_counter()
        try:
            self._connection.request("GET", address, headers=self._headers)
            response = self._connection.getresponse()
            response.read()
            status = response.status
        except (HTTPException, OSError):
            self._connection.close()
            status = 0
        return status, (perf_counter() - began) * 1000


if __name__ == "__main__":
    _port, _pids, _requests, _file, _parts, *_sizes, _now = sys.argv[1:]
    _world = World(*map(int, _sizes), datetime.fromisoformat(_now))
    main(
        int(_port),
        [int(pid) for pid in _pids.split(",")],
        int(_requests),
        Path(_file),
        set(_parts.split(",")) - {""},
        _world,
    )
