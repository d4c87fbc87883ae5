"""A verdict → the status, headers and body by which a gateway lets a request pass or refuses it."""

from dataclasses import dataclass
from urllib.parse import quote

from keyadmin.core import problems
from keyadmin.core.callers import Caller
from keyadmin.core.denials import Denial
from keyadmin.core.rate_limit_headers import rate_limit

type RawHeaders = list[tuple[bytes, bytes]]

#: Unreserved characters, and what an e-mail address and a list of scopes are made of.
_PLAIN = "@+:!#$&'*/=?^`{|} "


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: RawHeaders
    body: bytes = b""


def allowed(caller: Caller, request_id: str) -> Answer:
    """Nothing to say but who is calling, in headers that the gateway hands on to its upstream.

    Values are ASCII: what is not, and `%`, is percent-encoded UTF-8. Whoever belongs to no bot has no `-Bot`.
    """
    key = caller.key
    headers = [
        (b"cache-control", b"no-store"),
        (b"x-request-id", request_id.encode()),
        (b"x-keyadmin-key-id", (key.key_id or str(key.id)).encode()),
        (b"x-keyadmin-organisation", key.organisation_slug.encode()),
        (b"x-keyadmin-scopes", " ".join(sorted(caller.scopes)).encode()),
        *_raw(rate_limit(caller.quota)),
    ]
    if key.bot_name is not None:
        headers.append((b"x-keyadmin-bot", _plain(key.bot_name)))
    if caller.on_behalf_of is not None:
        headers.append((b"x-keyadmin-on-behalf-of", _plain(caller.on_behalf_of.email)))
    return Answer(204, headers)


def refused(refusal: Denial, request_id: str, *, by_nginx: bool) -> Answer:
    """The refusal as the client is to see it. nginx keeps no body of a sub-request: it gets it as a header too."""
    return problem(problems.answer(refusal, request_id), request_id, by_nginx=by_nginx)


def problem(made: problems.Answer, request_id: str, *, by_nginx: bool = False) -> Answer:
    headers = [*_raw(made.headers), (b"x-request-id", request_id.encode())]
    if by_nginx:
        headers.append((b"x-keyadmin-problem", made.body))
    return Answer(made.status, headers, made.body)


def plain(made: problems.Answer) -> Answer:
    return Answer(made.status, _raw(made.headers), made.body)


def _raw(headers: dict[str, str]) -> RawHeaders:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def _plain(text: str) -> bytes:
    return quote(text, safe=_PLAIN).encode()
