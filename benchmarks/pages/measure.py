"""Requests every page from a running web server, and counts the statements of each in Django.

    python -m benchmarks.pages.measure PORT PIDS REQUESTS FILE PARTS KEYS EVENTS ORGANISATIONS NOW

writes what it found to FILE, as JSON.
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

#: Attempts to count statements: the machine may be busy.
TRIES = 3


@dataclass(frozen=True)
class Figure:
    """Of one page for one reader: milliseconds in order, the processor's for one (web server and PostgreSQL), and how
    many statements Django made at most. `first` is the longest of each address's first request.
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
        line = Connection(port, client.cookies)
        for place in (one for one in places(world, number) if not parts or one.part in parts):
            figure = _measured(line, client, pids, reader, place, requests)
            figures.append(figure)
            file.write_text(json.dumps([asdict(one) for one in figures]))
            p95 = percentile(figure.times, 95)
            found = f"{figure.status} {figure.statements:>3} {figure.cpu:>7.0f} {p95:>7.0f} ms"
            sys.stdout.write(f"{reader[:28]:<28} {place.part:<8} {place.what:<34} {found}\n")
            sys.stdout.flush()


def percentile(times: list[float], percent: int) -> float:
    """The percentile of sorted times, by nearest rank."""
    return times[max(0, -(-len(times) * percent // 100) - 1)]


def _measured(line: "Connection", client: Any, pids: list[int], reader: str, place: Place, requests: int) -> Figure:
    line.close()  # the server hangs up on a line that was quiet for long
    warming = [line.request(address) for address in place.addresses]
    before = cpu_seconds(pids)
    asked = [line.request(address) for address in islice(cycle(place.addresses), requests)]
    spent = (cpu_seconds(pids) - before) / requests * 1000
    statements = max(_statements(client, address) for address in place.addresses[:3])
    status = next((status for status, _ in (*warming, *asked) if status != 200), 200)
    first, times = max(took for _, took in warming), sorted(took for _, took in asked)
    return Figure(reader, place.part, place.what, status, statements, spent, first, times)


def _statements(client: Any, address: str) -> int:
    from django.db import OperationalError, connection
    from django.test.utils import CaptureQueriesContext

    for _ in range(TRIES):
        try:
            with CaptureQueriesContext(connection) as captured:
                client.get(address)
        except OperationalError:  # a page has a deadline, here as well
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
    """A browser's connection."""

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
