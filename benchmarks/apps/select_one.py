"""The floor and one `SELECT 1` a call: what it costs to ask PostgreSQL anything."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from benchmarks.apps.floor import *  # noqa: F403

MIDDLEWARE = ["benchmarks.apps.asked.ask"]


def ask(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    from keyadmin.callpath.connection import Statement, execute, start_call

    one = Statement("one", "SELECT 1")

    def asked(request: HttpRequest) -> HttpResponse:
        start_call()
        execute(one, ())
        return get_response(request)

    return asked
