"""The floor and one `SELECT 1` for each call: the cost of any statement."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from benchmarks.apps.floor import *  # noqa: F403

MIDDLEWARE = ["benchmarks.apps.select_one.select_one"]


def select_one(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    from keyadmin.callpath.connection import Statement
    from keyadmin.callpath.state import state

    statement = Statement("one", "SELECT 1")

    def middleware(request: HttpRequest) -> HttpResponse:
        state.database.start_call()
        state.database.execute_prepared(statement, ())
        return get_response(request)

    return middleware
