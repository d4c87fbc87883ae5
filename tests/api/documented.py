"""What the OpenAPI document says about an operation."""

import re
from copy import deepcopy
from typing import Any, Final

from keyadmin.api import openapi
from keyadmin.api.urls import api

DOCUMENT: Final = openapi.document(api)


def operation_of(method: str, address: str) -> tuple[str, dict[str, Any]]:
    """Path and operation of an address, whose objects may be named in braces."""
    shape = _shape(address.partition("?")[0])
    for path, name, operation in openapi.operations(DOCUMENT):
        if name == method.lower() and _shape(path) == shape:
            return path, operation
    raise LookupError(f"{method} {address} is not documented")


def body_fields(method: str, address: str) -> dict[str, Any]:
    """The properties of the request body; {} without a body."""
    body = operation_of(method, address)[1].get("requestBody")
    if not body:
        return {}
    schema = body["content"]["application/json"]["schema"]
    while "properties" not in schema:
        if "$ref" in schema:
            schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        else:
            schema = next(schema[word][0] for word in ("anyOf", "oneOf", "allOf") if word in schema)
    properties: dict[str, Any] = schema["properties"]
    return properties


def for_scheme(document: dict[str, Any], scheme: str) -> dict[str, Any]:
    """The operations that accept the scheme, without other schemes: schemathesis would send several at once."""
    told = deepcopy(document)
    for path, method, operation in list(openapi.operations(told)):
        alone = [alternative for alternative in operation["security"] if alternative.keys() == {scheme}]
        if operation["security"] and not alone:
            del told["paths"][path][method]
        operation["security"] = alone
    told["components"]["securitySchemes"] = {scheme: told["components"]["securitySchemes"][scheme]}
    told["paths"] = {path: methods for path, methods in told["paths"].items() if methods}
    created = {operation["operationId"] for _path, _method, operation in openapi.operations(told)}
    for _path, _method, operation in openapi.operations(told):
        for response in operation["responses"].values():
            response["links"] = {name: link for name, link in response.get("links", {}).items() if name in created}
    return told


def _shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)
