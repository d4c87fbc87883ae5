"""The API: every operation of the OpenAPI document, by people with tokens and by keys."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from keyadmin.api import openapi
from keyadmin.api.urls import api
from tests.factories import PASSWORD
from tests.fuzz import values
from tests.fuzz.pages import is_refused
from tests.fuzz.results import Results
from tests.fuzz.sending import Answer, Request, Sender, send_twice
from tests.fuzz.world import KEYS, PEOPLE, Caller, World

PART: Final = "api"
ROLES: Final = (*PEOPLE, *KEYS)
#: Paths outside the document.
_MORE: Final = ("/api/openapi.json", "/api/docs", "/api/unknown")
_MAX_DEPTH: Final = 6
_JSON: Final = "application/json"


@dataclass
class Target:
    method: str
    path: str
    operation: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def action(self) -> str:
        return self.path.rpartition("/")[2]

    def parameters(self, place: str) -> list[dict[str, Any]]:
        return [each for each in self.operation.get("parameters", []) if each["in"] == place]


def targets() -> list[Target]:
    document = openapi.document(api)
    known = [Target(method.upper(), path, operation) for path, method, operation in openapi.operations(document)]
    return known + [Target("GET", path, {}) for path in _MORE]


class ApiRun:
    """Sends `count` requests with a valid credential to each operation, as each of `roles`."""

    def __init__(
        self,
        world: World,
        sender: Sender,
        results: Results,
        *,
        count: int,
        roles: tuple[str, ...] = ROLES,
        only: str = "",
        part: str = PART,
    ) -> None:
        self._world, self._sender, self._results, self._count, self._roles = world, sender, results, count, roles
        self._only, self._part = re.compile(only), part
        self._schemas = openapi.document(api)["components"]["schemas"]
        #: Queries of the Link headers, by path: real cursors.
        self._cursors: dict[str, list[str]] = {}
        self._repeated: dict[str, str] = {}
        self._refresh_tokens: list[str] = []

    def run(self) -> None:
        for target in targets():
            if self._only.search(target.name):
                for role in self._roles:
                    self._fuzz(target, role)

    def _fuzz(self, target: Target, role: str) -> None:
        for number in range(4 * self._count):
            tally = self._results.tallies.get((self._part, target.name, role))
            if tally is not None and tally.valid >= self._count:
                return
            random = values.random_of(self._results.seed, self._part, target.name, role, number)
            caller = self._world.caller(role)
            request = self._request(target, caller, random)
            is_valid = not values.is_hit(random, 3)
            if not is_valid:
                request.headers |= random.choice(_BAD_CREDENTIALS)
            is_double = request.method in ("POST", "PATCH", "PUT", "DELETE") and values.is_hit(random, 2)
            for answer in send_twice(self._sender, request) if is_double else [self._sender.send(request)]:
                self._judge(target, caller, request, answer, is_valid=is_valid, number=number)

    def _judge(
        self, target: Target, caller: Caller, request: Request, answer: Answer, *, is_valid: bool, number: int
    ) -> None:
        is_open = target.operation.get("security") == []
        if is_valid and answer.status == 401 and not is_open:
            self._world.renew(caller.role)
            is_valid = False
        self._results.count(
            self._part, target.name, caller.role, answer.status, is_valid=is_valid, is_past=not is_refused(answer)
        )
        if target.path == "/api/token" and answer.status == 200:
            self._refresh_tokens = [*self._refresh_tokens[-5:], json.loads(answer.body)["refresh_token"]]
        if cursor := re.search(r"[?&]cursor=([^&>]+)", answer.headers.get("Link", "")):
            self._cursors.setdefault(target.path, []).append(parse_qsl(f"c={cursor[1]}")[0][1])
        if answer.status >= 500 or answer.status == 0:
            self._results.fail(
                part=self._part,
                operation=target.name,
                role=caller.role,
                case=number,
                status=answer.status,
                request=str(request),
                error=answer.error,
            )

    def _request(self, target: Target, caller: Caller, random: Random) -> Request:
        names = re.findall(r"{(\w+)}", target.path)
        arguments = self._world.objects.arguments(names, target.action, caller, random)
        path = target.path.format(**{name: _segment(arguments[name], random) for name in names})
        pairs = self._query(target, caller, random)
        query = values.query_string(random, pairs)[:30_000]
        headers = dict(caller.headers)
        if values.is_hit(random, 5) and "X-API-Key" in headers:
            headers = {"Authorization": f"Bearer {headers['X-API-Key']}"}
        headers |= self._more_headers(target, random)
        method = random.choice(values.METHODS) if values.is_hit(random, 3) else target.method
        body, content_type = b"", ""
        if "requestBody" in target.operation or (
            target.method in ("POST", "PUT", "PATCH") and values.is_hit(random, 30)
        ):
            body, content_type = self._body(target, caller, random), _JSON
        if values.is_hit(random, 3):
            body, content_type = random.choice(values.HOSTILE_BODIES), _JSON
        if values.is_hit(random, 3):
            content_type = random.choice(values.CONTENT_TYPES)
        return Request(method, path + (f"?{query}" if query else ""), headers, body, content_type)

    def _query(self, target: Target, caller: Caller, random: Random) -> list[tuple[str, str]]:
        pairs = []
        density = random.choice((10, 25))
        for parameter in target.parameters("query"):
            name = parameter["name"]
            if not parameter.get("required") and not values.is_hit(random, density):
                continue
            if name == "cursor":
                value = random.choice([*self._cursors.get(target.path, [""]), "x", "eyJ4IjogMX0", "AAAA"])
            else:
                value = self._valid(parameter["schema"], name, caller, random, 0)
            if values.is_hit(random, 12):
                value = values.hostile_text(random)
            if value is not None:
                pairs.append((name, str(value)))
        if target.path.startswith("/api/api-keys") and values.is_hit(random, 70):
            pairs.append(("organisation", caller.organisation.slug))
        if pairs and values.is_hit(random, 5):
            pairs.append(random.choice(pairs))
        if values.is_hit(random, 5):
            pairs.append((random.choice(("unknown", "\0", "limit", "cursor")), values.hostile_text(random)))
        return pairs

    def _more_headers(self, target: Target, random: Random) -> dict[str, str]:
        headers = {}
        for parameter in target.parameters("header"):
            if not values.is_hit(random, 40):
                continue
            name = parameter["name"]
            if name == "If-Match":
                headers[name] = random.choice(_ETAGS)
            else:
                fresh = values.token(random)
                repeated = self._repeated.setdefault(target.name, fresh)
                headers[name] = random.choice(
                    (fresh, fresh, repeated, repeated, "", "a b", "x" * 300, "\xe4", ",", values.PASTED_KEY)
                )
        if values.is_hit(random, 4):
            name = random.choice(
                ("Accept", "Accept-Language", "X-Request-Id", "On-Behalf-Of", "X-Channel", "Origin", "X-Forwarded-For")
            )
            text = values.hostile_text(random).encode("utf-8", "surrogatepass").decode("latin-1")
            headers[name] = text.translate(dict.fromkeys((0, 10, 13)))[:4000]
        return headers

    def _body(self, target: Target, caller: Caller, random: Random) -> bytes:
        content = target.operation.get("requestBody", {}).get("content", {})
        schema = content.get(_JSON, {}).get("schema", {"type": "object"})
        body = self._valid(schema, "", caller, random, 0)
        if isinstance(body, dict) and "name" in body and target.path.startswith("/api/scopes"):
            body["name"] = f"{values.token(random)}:{values.token(random)}"
        if target.path == "/api/token" and values.is_hit(random, 60):
            body = {"email": caller.email, "password": PASSWORD}
        if target.path.startswith("/api/token/") and self._refresh_tokens and values.is_hit(random, 60):
            body = {"refresh_token": random.choice(self._refresh_tokens)}
        if values.is_hit(random, 35):
            body = self._changed(body, random)
        data = values.json_body(body)
        if values.is_hit(random, 3) and data.startswith(b"{") and len(data) > 2:
            data = data[:-1] + b", " + data[1:]  # every field twice
        return data

    def _changed(self, body: Any, random: Random) -> Any:
        """The body with one value, at any depth, that is missing, unknown or hostile."""
        if isinstance(body, list) and body and values.is_hit(random, 60):
            place = random.randrange(len(body))
            return [*body[:place], self._changed(body[place], random), *body[place + 1 :]]
        if not isinstance(body, dict) or not body:
            return values.hostile_json(random)
        name = random.choice(sorted(body))
        match random.randrange(6):
            case 0:
                return {key: value for key, value in body.items() if key != name}
            case 1:
                return body | {values.hostile_text(random)[:200]: values.hostile_json(random)}
            case 2 if isinstance(body[name], list | dict):
                return body | {name: self._changed(body[name], random)}
            case 3 if isinstance(body[name], list) and body[name]:
                return body | {name: body[name] * random.choice((2, 60, 2000))}
        return body | {name: values.hostile_json(random)}

    def _valid(self, schema: dict[str, Any], name: str, caller: Caller, random: Random, depth: int) -> Any:
        """A value that fits the schema. The name of the field decides what a text is."""
        if "$ref" in schema:
            return self._valid(self._schemas[schema["$ref"].rpartition("/")[2]], name, caller, random, depth)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self._valid(random.choice(schema[keyword]), name, caller, random, depth)
        if "allOf" in schema:
            return self._valid(schema["allOf"][0], name, caller, random, depth)
        if schema.get("examples") and schema.get("type") == "string" and values.is_hit(random, 25):
            return random.choice(schema["examples"])
        if "const" in schema or "enum" in schema:
            return schema["const"] if "const" in schema else random.choice(schema["enum"])
        makers: dict[str, Callable[[], Any]] = {
            "object": lambda: self._object(schema, caller, random, depth),
            "array": lambda: self._array(schema, name, caller, random, depth),
            "integer": lambda: values.number(random, schema.get("minimum", 1), schema.get("maximum", 500)),
            "number": lambda: values.number(random),
            "boolean": lambda: values.is_hit(random, 50),
            "null": lambda: None,
        }
        return makers.get(schema.get("type", ""), lambda: self._text(schema, name, caller, random))()

    def _object(self, schema: dict[str, Any], caller: Caller, random: Random, depth: int) -> dict[str, Any]:
        required, density = schema.get("required", ()), random.choice((8, 8, 45))
        often = {"organisation": 85, "key": 60}
        chosen = [
            name
            for name in schema.get("properties", {})
            if name in required or (depth < _MAX_DEPTH and values.is_hit(random, often.get(name, density)))
        ]
        return {name: self._valid(schema["properties"][name], name, caller, random, depth + 1) for name in chosen}

    def _array(self, schema: dict[str, Any], name: str, caller: Caller, random: Random, depth: int) -> list[Any]:
        most = min(4, schema.get("maxItems", 4)) if depth < _MAX_DEPTH else 0
        length = random.randint(min(schema.get("minItems", 0), most), most)
        items = [self._valid(schema.get("items", {}), name, caller, random, depth + 1) for _ in range(length)]
        return list({str(item): item for item in items}.values())

    def _text(self, schema: dict[str, Any], name: str, caller: Caller, random: Random) -> str:
        take, kinds = self._world.objects.take, ("key", "bot", "channel", "tier", "person", "entry")
        singular = name.removesuffix("_id").removesuffix("s") if name not in ("address", "days") else name
        if name in ("scopes", "scope"):
            known = ("chats:read", "chats:write", "keys:read", "history:read")
            return random.choice((*known, take("scope", "", caller, random)))
        if name == "organisation":
            return take("slug", "", caller, random)
        if singular == "tier" and schema.get("format") != "uuid":
            return str(self._world.tier.name)
        if singular == "channel" and schema.get("format") != "uuid":
            return str(self._world.objects.of("channel", "", caller.organisation, random).slug)
        if singular in kinds:
            return take(singular, "", caller, random)
        if name == "credential":
            return caller.headers.get("X-API-Key", values.PASTED_KEY)
        formats = {"date-time": values.instant, "date": values.day}
        if maker := formats.get(schema.get("format", "")):
            return maker(random)
        text = values.valid_text(random, name)
        return text[: schema.get("maxLength", len(text))]


def _segment(value: str, random: Random) -> str:
    """The value as a part of a path, in some cases a hostile one."""
    if not values.is_hit(random, 4):
        return quote(value, safe="")
    text = quote(values.hostile_text(random)[:3000].encode("utf-8", "surrogatepass"), safe="")
    return random.choice((text, *values.HOSTILE_ESCAPES[:4]))


_ETAGS: Final = (
    '"1"',
    '"1"',
    '"1"',
    "*",
    'W/"1"',
    '"1", "2"',
    '"0", W/"1"',
    '"99"',
    "",
    "1",
    '"',
    "\xe4",
    '"' + "9" * 5000 + '"',
    ",",
    '"a" "b"',
)
_BAD_CREDENTIALS: Final = (
    {"X-API-Key": "x", "Authorization": ""},
    {"X-API-Key": values.PASTED_KEY, "Authorization": ""},
    {"X-API-Key": "", "Authorization": "Bearer " + "e" * 3000},
    {"X-API-Key": "", "Authorization": "Bearer e30.e30.e30"},
    {"X-API-Key": "", "Authorization": "Basic \xff"},
    {"X-API-Key": "\xe4", "Authorization": "Bearer x"},
    {"X-API-Key": "", "Authorization": "", "X-API-Key-Id": "x"},
    {"X-API-Key": "", "Authorization": "", "X-API-Key-Id": "kad_a1b2c3d4", "X-API-Key-Secret": "\xff"},
)
