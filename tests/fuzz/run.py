"""Runs the parts that the command names."""

import argparse
import sys
from pathlib import Path
from time import monotonic

from tests.browser.demo import Demo
from tests.browser.long_rows import LongRows
from tests.fixtures.committed_rows import CommittedRows
from tests.fuzz.api import ROLES, ApiRun
from tests.fuzz.documents import run_schemathesis
from tests.fuzz.pages import PagesRun
from tests.fuzz.raw import RawRun
from tests.fuzz.results import Results
from tests.fuzz.sending import InProcess, OverHttp
from tests.fuzz.verify import VerifyRun
from tests.fuzz.widths import WidthsRun
from tests.fuzz.world import PEOPLE, World
from tests.integrations.gateway.servers import verify
from tests.live.servers import gunicorn


def run(options: argparse.Namespace, database_url: str, folder: Path) -> Results:
    results, world, count = Results(options.seed), World(), options.requests
    chosen = set(options.roles.split(",")) if options.roles else None
    people, callers = (
        tuple(role for role in roles if chosen is None or role in chosen) for roles in (tuple(PEOPLE), ROLES)
    )
    long_rows = LongRows(Demo(CommittedRows()))  # before a request takes one of its names
    parts, started = set(options.parts), monotonic()

    def report(part: str) -> None:
        results.write(options.out)
        sys.stderr.write(f"{monotonic() - started:.0f} s {part}: {results.total().requests} requests so far\n")

    sender = InProcess()
    if "api" in parts:
        ApiRun(world, sender, results, count=count, roles=callers, only=options.only).run()
        report("api")
    if "pages" in parts:
        PagesRun(world, sender, results, count=count, roles=people, only=options.only).run()
        report("pages")
    sender.close()
    if "verify" in parts:
        with verify(folder, database_url) as server:
            VerifyRun(world, server.server.port, results, count=count).run()
        report("verify")
    if parts & {"servers", "documents", "widths"}:
        with gunicorn(folder, database_url, DJANGO_SETTINGS_MODULE="keyadmin.settings") as running:
            few = max(1, count // 20)
            over_http = OverHttp(running.port)
            if "servers" in parts:
                ApiRun(world, over_http, results, count=few, roles=callers, only=options.only, part="api by HTTP").run()
                PagesRun(
                    world, over_http, results, count=few, roles=people, only=options.only, part="pages by HTTP"
                ).run()
                RawRun(world, running.port, results).run()
                report("servers")
            over_http.close()
            if "documents" in parts:
                run_schemathesis(world, running.port, results, folder, count=count, roles=callers)
                report("documents")
            if "widths" in parts:
                WidthsRun(world, long_rows, running.port, results, options.out, only=options.only).run()
                report("widths")
    return results
