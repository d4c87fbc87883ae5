"""Pages and forms: every URL of the configuration, with GET and POST, by every role.

The forms are read from the pages themselves. A request fills one in, and most of its values are valid.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.urls import NoReverseMatch, Resolver404, URLPattern, URLResolver, get_resolver, resolve, reverse
from django.utils.encoding import escape_uri_path

from keyadmin.conf import conf
from tests.fuzz import forms, values
from tests.fuzz.forms import Form, Pairs
from tests.fuzz.results import NOT_AUTHENTICATED, Results
from tests.fuzz.sending import CSRF_SECRET, Answer, Request, Sender, send_twice
from tests.fuzz.world import PEOPLE, Caller, World

PART: Final = "pages"
#: Queries that a page is known by, and the answers of a form: as many as a run keeps of each.
_MAX_KEPT: Final = 40
_POSTS_PER_PAGE: Final = 3
_FORM_TYPE: Final = "application/x-www-form-urlencoded"


@dataclass
class Target:
    """A URL pattern. `parameters` are the names in its path."""

    name: str
    route: str
    parameters: list[str]
    methods: set[str] = field(default_factory=set)
    #: Queries of links to it, and fields of forms and of htmx's requests that lead to it.
    queries: dict[str, list[str]] = field(default_factory=dict)
    forms: list[Form] = field(default_factory=list)

    @property
    def action(self) -> str:
        return self.route.rstrip("/$").rpartition("/")[2]


def targets() -> dict[str, Target]:
    """Every page of the URL configuration, by its name."""
    found = {}
    for name, pattern in _patterns(get_resolver(), ""):
        route = re.sub(
            r"<(?:\w+:)?(\w+)>|\^|\(\?P<(\w+)>[^)]*\)", lambda m: f"{{{m[1] or m[2]}}}" if m[0] != "^" else "", pattern
        )
        if f"/{route}".startswith(conf.api_prefix):
            continue
        found[name] = Target(name, f"/{route.rstrip('$')}", re.findall(r"{(\w+)}", route))
    return found


def _patterns(resolver: URLResolver, prefix: str, namespace: str = "") -> Iterator[tuple[str, str]]:
    for each in resolver.url_patterns:
        pattern = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            inner = f"{namespace}{each.namespace}:" if each.namespace else namespace
            yield from _patterns(each, pattern, inner)
        elif isinstance(each, URLPattern) and each.name:
            yield namespace + each.name, pattern


class PagesRun:
    """Sends `count` requests with a valid session to each page and each form, as each of `roles`."""

    def __init__(
        self,
        world: World,
        sender: Sender,
        results: Results,
        *,
        count: int,
        roles: tuple[str, ...] = tuple(PEOPLE),
        only: str = "",
        part: str = PART,
    ) -> None:
        self._world, self._sender, self._results, self._count, self._roles = world, sender, results, count, roles
        self._only, self._part = re.compile(only), part
        self.targets = targets()

    def run(self) -> None:
        self.discover()
        for target in self.targets.values():
            for method in sorted(target.methods):
                if not self._only.search(f"{method} {target.route}"):
                    continue
                for role in self._roles:
                    self._fuzz(target, method, role)

    def discover(self) -> None:
        """Learn which methods each page answers, its forms and the queries of the links to it."""
        role = self._roles[0]
        for target in self.targets.values():
            random = self._random("discover", target.name, role, 0)
            for method in ("GET", "POST"):
                caller = self._world.caller(role)
                path = self._path(target, caller, random)
                body = f"csrfmiddlewaretoken={CSRF_SECRET}".encode()
                request = Request(method, path, self._headers(caller), body, _FORM_TYPE)
                answer = self._ask(caller, request, target, "discovery")
                if answer.status not in (405, 501):
                    target.methods.add(method)
                self._learn(answer, path)

    def _fuzz(self, target: Target, method: str, role: str) -> None:
        tally_key = (self._part, f"{method} {target.route}", role)
        number = 0
        form: Form | None = None
        path = ""
        while number < 4 * self._count:
            tally = self._results.tallies.get(tally_key)
            if tally is not None and tally.valid >= self._count:
                return
            random = self._random(method, target.name, role, number)
            caller = self._world.caller(role)
            if method == "POST" and number % _POSTS_PER_PAGE == 0:
                path, form = self._form(target, caller, random)
            if method == "GET":
                path = self._path(target, caller, random)
                request = self._get(target, caller, random, path)
            else:
                request = self._post(target, caller, random, path, form)
            self._case(target, method, caller, random, request, number)
            number += 1

    def _case(self, target: Target, method: str, caller: Caller, random: Random, request: Request, number: int) -> None:
        is_valid = True
        if values.is_hit(random, 3):
            request.headers["Cookie"] = (
                f"csrftoken={CSRF_SECRET}; sessionid={random.choice(('x' * 32, '', '\x01', 'y' * 5000))}"
            )
            is_valid = False
        operation = f"{method} {target.route}"
        is_double = method == "POST" and values.is_hit(random, 2)
        for answer in send_twice(self._sender, request) if is_double else [self._sender.send(request)]:
            self._judge(operation, caller, request, answer, is_valid=is_valid, number=number)
            if number % _POSTS_PER_PAGE == 0:  # reading HTML takes as long as a request
                self._learn(answer, request.path)

    def _judge(
        self, operation: str, caller: Caller, request: Request, answer: Answer, *, is_valid: bool, number: int | str
    ) -> None:
        is_past = not is_refused(answer)
        if is_valid and _is_sign_in(answer):
            self._world.renew(caller.role)
            is_valid = "account/login" in request.path
        self._results.count(self._part, operation, caller.role, answer.status, is_valid=is_valid, is_past=is_past)
        if answer.status >= 500 or answer.status == 0:
            self._results.fail(
                part=self._part,
                operation=operation,
                role=caller.role,
                case=number,
                status=answer.status,
                request=str(request),
                error=answer.error,
            )

    def _ask(self, caller: Caller, request: Request, target: Target, number: str) -> Answer:
        answer = self._sender.send(request)
        self._judge(f"{request.method} {target.route}", caller, request, answer, is_valid=True, number=number)
        return answer

    def _random(self, *names: object) -> Random:
        return values.random_of(self._results.seed, self._part, *names)

    def _path(self, target: Target, caller: Caller, random: Random) -> str:
        arguments = self._world.objects.arguments(target.parameters, target.action, caller, random)
        try:
            return reverse(target.name, kwargs=arguments)
        except NoReverseMatch:  # the value does not fit the converter
            return escape_uri_path(target.route.format(**arguments))

    def _headers(self, caller: Caller) -> dict[str, str]:
        return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={caller.session}; {settings.CSRF_COOKIE_NAME}={CSRF_SECRET}"}

    def _get(self, target: Target, caller: Caller, random: Random, path: str) -> Request:
        pairs: Pairs = []
        if values.is_hit(random, 70):
            for name in random.sample(sorted(target.queries), min(len(target.queries), random.randint(1, 3))):
                is_hostile = values.is_hit(random, 30)
                known = target.queries[name]
                pairs.append((name, values.hostile_text(random) if is_hostile else random.choice(known)))
                if values.is_hit(random, 10):
                    pairs += [(name, random.choice(known)) for _ in range(random.choice((2, 30, 120)))]
        if values.is_hit(random, 8):
            pairs.append(
                (
                    random.choice(("cursor", "after", "before", "page", "unknown", "q", "\0")),
                    values.hostile_text(random),
                )
            )
        if pairs and values.is_hit(random, 8):
            pairs.append(random.choice(pairs))
        query = values.query_string(random, pairs)
        method = random.choice(values.METHODS) if values.is_hit(random, 4) else "GET"
        headers = self._headers(caller) | _htmx_headers(random, path)
        if values.is_hit(random, 5):
            name = random.choice(
                ("Accept-Language", "User-Agent", "X-Forwarded-For", "X-Request-Id", "Accept", "Host", "Referer")
            )
            headers[name] = _header(values.hostile_text(random))
        return Request(method, path + (f"?{query[:30_000]}" if query else ""), headers)

    def _form(self, target: Target, caller: Caller, random: Random) -> tuple[str, Form | None]:
        """A path of the page, and the form for it: of the page itself, else one that leads to it from another page."""
        path = self._path(target, caller, random)
        found = None
        if "GET" in target.methods:
            names = random.sample(sorted(target.queries), min(1, len(target.queries)))
            count = random.choice((0, 1, 1, 5))
            query = values.query_string(
                random, [(name, random.choice(target.queries[name])) for name in names for _ in range(count)]
            )
            request = Request("GET", path + (f"?{query}" if query else ""), self._headers(caller))
            answer = self._ask(caller, request, target, "form")
            own = [form for form in self._learn(answer, path) if urlsplit(form.action).path == path]
            found = random.choice(own) if own else None
        return path, found or (random.choice(target.forms) if target.forms else None)

    def _post(self, target: Target, caller: Caller, random: Random, path: str, form: Form | None) -> Request:
        pairs = form.fill(random, 8) if form else []
        if "/permissions/" in target.route:
            pairs = [(name, self._scope_name(random) if name == "name" else value) for name, value in pairs]
        fields = dict(pairs)
        if "csrfmiddlewaretoken" not in fields:
            pairs.append(("csrfmiddlewaretoken", CSRF_SECRET))
        query = urlsplit(form.action).query if form else ""
        pairs = self._changed(target, random, pairs)
        headers = self._headers(caller) | _htmx_headers(random, path)
        if values.is_hit(random, 3):
            headers["Origin"] = random.choice(("null", "https://evil.example", "http://testserver", "\0"))
        body, content_type = _encoded(random, pairs)
        if values.is_hit(random, 3):
            body = random.choice(values.HOSTILE_BODIES)
        if values.is_hit(random, 3):
            content_type = random.choice(values.CONTENT_TYPES)
        method = random.choice(values.METHODS) if values.is_hit(random, 3) else "POST"
        return Request(method, path + (f"?{query}" if query else ""), headers, body, content_type)

    @staticmethod
    def _scope_name(random: Random) -> str:
        return f"{values.token(random)}:{values.token(random)}"

    def _changed(self, target: Target, random: Random, pairs: Pairs) -> Pairs:
        """The pairs, in some cases with a field changed, doubled, missing or unknown, or with very many."""
        if values.is_hit(random, 75):
            return pairs
        pairs = list(pairs)
        place = random.randrange(len(pairs))
        name, value = pairs[place]
        match random.randrange(8):
            case 0:
                pairs[place] = (name, values.hostile_text(random))
            case 1:
                pairs.append((name, random.choice((value, values.hostile_text(random)))))
            case 2:
                del pairs[place]
            case 3:
                pairs.append((values.hostile_text(random)[:100], values.hostile_text(random)))
            case 4:
                pairs += [(name, value)] * random.choice((3, 150, 1500))
            case 5:
                pairs = [(each, "wrong" if each == "csrfmiddlewaretoken" else text) for each, text in pairs]
            case 6:
                pairs = [pair for pair in pairs if pair[0] != "csrfmiddlewaretoken"]
            case 7:
                known = sorted(
                    {each for other in self.targets.values() for form in other.forms for each in form.fields}
                )
                pairs.append((random.choice(known or ["x"]), values.hostile_text(random)))
        return pairs

    def _learn(self, answer: Answer, path: str) -> list[Form]:
        """Note the forms and links of a page; returns its forms that post."""
        if not answer.html or answer.status >= 500:
            return []
        markup = forms.read(answer.html, urlsplit(path).path)
        for link in markup.links:
            self._learn_query(link, parse_qsl(urlsplit(link).query, keep_blank_values=True))
        for form in markup.forms:
            target = self._target_of(form.action)
            if target is None:
                continue
            if form.method == "get":
                for each in form.fields.values():
                    choices = (
                        [*each.options, each.value]
                        if each.options
                        else [each.value, values.valid_text(values.random_of(path), each.name)]
                    )
                    self._learn_query(form.action, [(each.name, choice) for choice in choices])
            elif len(target.forms) < _MAX_KEPT:
                target.forms.append(form)
        return [form for form in markup.forms if form.method == "post"]

    def _learn_query(self, path: str, pairs: Pairs) -> None:
        if (target := self._target_of(path)) is not None:
            for name, value in pairs:
                known = target.queries.setdefault(name, [])
                if value not in known and len(known) < _MAX_KEPT:
                    known.append(value)

    def _target_of(self, path: str) -> Target | None:
        try:
            return self.targets.get(resolve(urlsplit(path).path).view_name)
        except Resolver404:
            return None


def is_refused(answer: Answer) -> bool:
    """Whether the answer was given before or instead of authentication."""
    return answer.status in NOT_AUTHENTICATED or _is_sign_in(answer)


def _is_sign_in(answer: Answer) -> bool:
    location = answer.headers.get("Location", "") or answer.headers.get("HX-Redirect", "")
    return answer.headers.get("Keyadmin-Session") == "ended" or location.startswith("/account/login/?")


def _header(value: str) -> str:
    """The value without what no server passes on."""
    return value.encode("utf-8", "surrogatepass").decode("latin-1").translate(dict.fromkeys((0, 10, 13)))[:4000]


def _htmx_headers(random: Random, path: str) -> dict[str, str]:
    if values.is_hit(random, 55):
        return {}
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{path}"}
    if values.is_hit(random, 15):
        headers["HX-Current-URL"] = random.choice(
            (
                "http://[",
                "//evil.example",
                "/keys/?cursor=x",
                "http://testserver/keys/?organisation=%00",
                "\xff",
                "x" * 3000,
            )
        )
    if values.is_hit(random, 15):
        headers["HX-Target"] = random.choice(("dialog-slot", "event-panel", "key-rows", "\xe4", "x" * 500))
    if values.is_hit(random, 8):
        headers["HX-History-Restore-Request"] = "true"
    if values.is_hit(random, 8):
        headers["HX-Boosted"] = "true"
    if values.is_hit(random, 8):
        headers["HX-Trigger"] = headers["HX-Prompt"] = random.choice(("\xe4", "{", "add", "undo"))
    return headers


def _encoded(random: Random, pairs: Pairs) -> tuple[bytes, str]:
    if values.is_hit(random, 90):
        return values.query_string(random, pairs).encode(), _FORM_TYPE
    lines = []
    for name, value in pairs:
        file = '; filename="a.txt"' if values.is_hit(random, 5) else ""
        head = f'--fuzz\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        lines.append(f"{head}{value}\r\n".encode("utf-8", "surrogatepass"))
    return b"".join(lines) + b"--fuzz--\r\n", "multipart/form-data; boundary=fuzz"
