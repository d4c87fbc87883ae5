"""Code samples of every operation in cURL, Python and JavaScript, made from the examples of the OpenAPI document.

They are in the extension `x-codeSamples`, which several viewers of OpenAPI documents read. A sample takes the
credential from the environment variable TOKEN: an API key, or a person's access token.
"""

import json
import shlex
from dataclasses import dataclass
from pprint import pformat
from typing import Any, Final
from urllib.parse import quote, urlencode

from keyadmin.api import openapi
from keyadmin.api.openapi import Json

_INDENT: Final = 4


@dataclass(frozen=True, slots=True)
class _Request:
    """The request of a sample. `body`: a JSON value, None without a body."""

    method: str
    url: str
    needs_credential: bool
    body: Any
    is_answered_with_json: bool


def add_to(document: Json, base_url: str) -> Json:
    """The document with samples in each operation. `base_url` is scheme and host, without a slash at the end."""
    paths = {
        path: {
            method: operation | {"x-codeSamples": _samples(_request(base_url, path, method, operation))}
            for method, operation in methods.items()
        }
        for path, methods in document["paths"].items()
    }
    return document | {"paths": paths}


def _samples(request: _Request) -> list[Json]:
    return [
        {"lang": "Shell", "label": "cURL", "source": _curl(request)},
        {"lang": "Python", "label": "Python", "source": _python(request)},
        {"lang": "JavaScript", "label": "JavaScript", "source": _javascript(request)},
    ]


def _request(base_url: str, path: str, method: str, operation: Json) -> _Request:
    """The request with the examples of the body and of the parameters."""
    query = {}
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(str(parameter["example"]), safe=""))
        elif parameter["in"] == "query" and "example" in parameter:
            query[parameter["name"]] = parameter["example"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    _status, success = next(openapi.successes(operation))
    return _Request(
        method=method.upper(),
        url=base_url + path + (f"?{urlencode(query)}" if query else ""),
        needs_credential=bool(operation["security"]),
        body=body,
        is_answered_with_json="application/json" in success.get("content", {}),
    )


def _curl(request: _Request) -> str:
    method = "" if request.method == "GET" else f"-X {request.method} "
    parts = [f"curl {method}{shlex.quote(request.url)}"]
    if request.needs_credential:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if request.body is not None:
        parts += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(_json(request.body))}"]
    return " \\\n  ".join(parts)


def _python(request: _Request) -> str:
    arguments = [json.dumps(request.url)]
    if request.needs_credential:
        arguments.append('headers={"Authorization": f"Bearer {os.environ[\'TOKEN\']}"}')
    if request.body is not None:
        literal = pformat(request.body, width=80, sort_dicts=False)
        arguments.append(f"json={literal}".replace("\n", "\n" + " " * len("json=")))
    listed = "".join(f"{_indented(argument)},\n" for argument in arguments)
    read = "response.json()" if request.is_answered_with_json else "response.status_code, response.text"
    imports = "import os\n\nimport httpx\n" if request.needs_credential else "import httpx\n"
    return f"{imports}\nresponse = httpx.{request.method.lower()}(\n{listed})\nprint({read})"


def _javascript(request: _Request) -> str:
    headers = {}
    if request.needs_credential:
        headers["Authorization"] = "`Bearer ${process.env.TOKEN}`"
    if request.body is not None:
        headers["Content-Type"] = '"application/json"'
    options = [f'method: "{request.method}"'] if request.method != "GET" else []
    if headers:
        fields = ", ".join(
            f"{name if name.isalpha() else json.dumps(name)}: {value}" for name, value in headers.items()
        )
        options.append(f"headers: {{ {fields} }}")
    if request.body is not None:
        options.append(f"body: JSON.stringify({_json(request.body)})")
    listed = "".join(f"{_indented(option, 2)},\n" for option in options)
    read = "await response.json()" if request.is_answered_with_json else "response.status, await response.text()"
    call = f"await fetch({json.dumps(request.url)}{f', {{\n{listed}}}' if options else ''})"
    return f"const response = {call};\nconsole.log({read});"


def _indented(text: str, width: int = _INDENT) -> str:
    return "\n".join(" " * width + line for line in text.splitlines())


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
