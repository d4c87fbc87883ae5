"""`make bench`: start everything once, load each target in turn for several rounds, and write RESULTS.md.

python -m benchmarks [--keys 100000] [--rounds 3] [--seconds 5] [--out benchmarks/RESULTS.md]
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import databases, inside, report
from benchmarks.load import Measure, Target, measure
from benchmarks.servers import Server, Servers, free_port, granian, gunicorn, nginx
from keyadmin.server.embedded_postgres import EmbeddedPostgres

PEERS = {
    report.PEER: "Authorization: Api-Key ",
    "SHA-256 look-up by the ORM, hand-written": "X-Api-Key: ",
    "DRF TokenAuthentication": "Authorization: Token ",
    "django-rest-knox": "Authorization: Token ",
}
#: All servers stay up, each thread with its connection.
SETTINGS = {"max_connections": "300"}
VERIFIED = "X-Original-Method: GET\nX-Original-URI: /api/chats\nX-Forwarded-For: 127.0.0.1"


def main() -> None:
    options = read_options()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keyadmin-bench-")))
        postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres", settings=SETTINGS))
        data = databases.fill(postgres.url(), folder, options.keys)
        servers = Servers(stack, postgres)
        targets = [*behind_gunicorn(servers, data), *behind_granian(servers, data, folder)]
        figures = rounds(targets, options.rounds, options.seconds)
        in_process = inside.measure(data)
        report.write(options, figures, in_process, servers.postgres_version)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--keys", type=int, default=100_000, help="keys in the database; 1,000 of them call")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of load on each target in each round")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("RESULTS.md"))
    return parser.parse_args()


def behind_gunicorn(servers: Servers, data: databases.BenchmarkData) -> list[Target]:
    """The trivial view: alone, behind keyadmin, behind each peer."""

    def start(app: str) -> Server:
        return servers.start(lambda port: gunicorn(sys.executable, port, "benchmarks.apps.wsgi"), data.app(app))

    ours = start("guarded")
    targets = [
        servers.target(report.FLOOR, start("floor")),
        servers.target(report.SELECT_ONE, start("select_one")),
        servers.target(report.WITHOUT_CONSUME, start("without_consume"), keys=data.keys),
        servers.target(report.MIDDLEWARE, ours, keys=data.keys),
        servers.target(report.MIDDLEWARE_HOT, ours, keys=data.one_key),
        servers.target(report.BY_ORM, start("handwritten"), keys=data.keys),
    ]
    for peer, header in PEERS.items():
        peers = servers.start(
            lambda port: gunicorn(databases.PEERS_PYTHON, port, "benchmarks.peers.wsgi"), data.peer(peer)
        )
        targets.append(servers.target(peer, peers, keys=data.folder / peer, header=header))
    return targets


def behind_granian(servers: Servers, data: databases.BenchmarkData, folder: Path) -> list[Target]:
    """/verify and its floors, directly and behind nginx."""
    floor = servers.start(lambda port: granian(port, "benchmarks.apps.raw:application"), data.ours)
    verify = servers.start(lambda port: granian(port, "keyadmin.server.verify_asgi:application"), data.ours)
    guarded = free_port()
    front = servers.start(
        lambda port: nginx(folder, upstream=floor.port, verify=verify.port, plain=port, guarded=guarded), data.ours
    )
    return [
        servers.target(report.RAW, floor, "/verify"),
        servers.target(report.VERIFY, verify, "/verify", keys=data.keys, extra=VERIFIED),
        servers.target(report.VERIFY_HOT, verify, "/verify", keys=data.one_key, extra=VERIFIED),
        servers.target(report.PROXY, front, behind=[floor], connections=64),
        servers.target(
            report.AUTH_REQUEST, front, behind=[floor, verify], port=guarded, keys=data.keys, connections=64
        ),
    ]


def rounds(targets: list[Target], count: int, seconds: int) -> dict[str, list[Measure]]:
    """Loads each target once in each round, so that other work of the machine affects all of them."""
    figures: dict[str, list[Measure]] = {target.name: [] for target in targets}
    for number in range(count):
        for target in targets:
            figures[target.name].append(measure(target, seconds))
            rate, cpu = figures[target.name][-1].rate, figures[target.name][-1].cpu
            sys.stdout.write(f"{number + 1}/{count}  {target.name:<55} {rate:>8,.0f} req/s {cpu:>6,.0f} µs\n")
            sys.stdout.flush()
    return figures


if __name__ == "__main__":
    main()
