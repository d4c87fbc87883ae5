"""Examples of bodies, made of what their schemas say of each field."""

from typing import Any, Final

type Json = dict[str, Any]

_BY_FORMAT: Final = {
    "uuid": "9b2d1c4e-5f60-4a7b-8c9d-0e1f2a3b4c5d",
    "date-time": "2026-12-31T23:59:59Z",
    "date": "2026-12-31",
    "email": "jonas@northwind.example",
}
_BY_TYPE: Final[Json] = {"string": "", "integer": 0, "number": 0, "boolean": True, "null": None}


def add(made: Json, content: Json | None, *, brief: bool = False) -> None:
    """Give the body an example, if it is JSON; a brief one has no field that says nothing."""
    for media in (content or {}).values():
        media["example"] = of(made, media["schema"], brief=brief)


def of(made: Json, schema: Json, *, brief: bool = False) -> Any:
    """One value that fits the schema."""
    if "$ref" in schema:
        return of(made, made["components"]["schemas"][schema["$ref"].rpartition("/")[2]], brief=brief)
    for given in ("const", "default"):
        if given in schema and not schema.get("examples"):
            return schema[given]
    if found := schema.get("examples") or schema.get("enum"):
        return found[0]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return of(made, schema[several][0], brief=brief)
    match schema.get("type"):
        case "object":
            needed, fields = schema.get("required", ()), schema.get("properties", {})
            told = [name for name in fields if not brief or name in needed or "examples" in fields[name]]
            return {name: of(made, fields[name], brief=brief) for name in told}
        case "array":
            return [of(made, schema["items"])] if "items" in schema else []
        case kind:
            usual = schema.get("minimum", _BY_TYPE.get(str(kind)))
            return _BY_FORMAT.get(schema.get("format", ""), usual)
