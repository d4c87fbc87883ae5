"""The rules of the house, read from the syntax trees: who imports whom, who writes rows, who sees a request."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps

PACKAGE = Path(__file__).resolve().parent.parent / "keyadmin"

DOORS = {"web", "api", "gateway", "management"}
#: Each room and the rooms it may import, besides itself.
MAY_IMPORT = {
    **{door: {"forms", "explain", "operations", "authn", "outcomes", "models", "foundation"} for door in DOORS},
    "forms": {"explain", "operations", "authn", "outcomes", "models", "foundation"},
    "explain": {"operations", "authn", "models", "foundation"},
    "operations": {"models", "foundation"},
    "authn": {"outcomes", "models", "foundation"},
    "outcomes": {"models", "foundation"},
    "models": {"foundation"},
    "foundation": set(),
    "migrations": {"models"},  # the fields that a schema names
}
#: Modules beside the rooms that a door may use: what every request has, and what every server needs to know.
MOUNTS_FOR_DOORS = {"database", "env", "health", "logs", "metrics", "requests", "sign_in"}
WRITES = {"save", "create", "bulk_create", "bulk_update", "update_or_create", "get_or_create", "delete"}
WRITES |= {f"a{name}" for name in WRITES}
#: Of dictionaries and sets as well: writes where they are called on a QuerySet or a related manager.
AMBIGUOUS = {"update", "add", "set", "remove", "clear"}
AMBIGUOUS |= {f"a{name}" for name in AMBIGUOUS}
WRITING_SQL = re.compile(
    r"\binsert\s+into\s+\S|\bupdate\s+(?:only\s+)?[a-z_\".{}%]+(?:\s+(?:as\s+)?[a-z]+)?\s+set\s+\S+\s*="
    r"|\bdelete\s+from\s+\S|\btruncate\s+(?:table\s+)?[a-z_]+\s*(?:;|,|$|cascade|restart)",
    re.IGNORECASE,
)

SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] in MAY_IMPORT)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def names_in(node: ast.expr) -> set[str]:
    """Every name and attribute in an expression: `Key.objects.filter(…)` → {Key, objects, filter}."""
    found = {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
    return found | {child.attr for child in ast.walk(node) if isinstance(child, ast.Attribute)}


@cache
def related_managers() -> set[str]:
    """The names by which rows lead to other rows: `key.secrets`, `person.memberships`, `key.scopes`."""
    fields = [field for model in apps.get_app_config("keyadmin").get_models() for field in model._meta.get_fields()]
    many = {field.get_accessor_name() for field in fields if field.auto_created and not field.concrete}
    return {name for name in many | {field.name for field in fields if field.many_to_many} if name}


#: Whose `delete` is an HTTP method.
ROUTERS = {"router"}
#: What a name in the receiver of an ambiguous call makes it a write.
QUERYING = {"objects", "_default_manager", "_base_manager", "filter", "exclude"}


def operations_in(tree: ast.AST) -> set[str]:
    """The names by which a module calls the modules of operations, whose `create` is no QuerySet's."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "keyadmin.operations"
        for alias in node.names
    }


def writes(tree: ast.AST) -> Iterator[tuple[str, int]]:
    operations, related = operations_in(tree), related_managers()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, receiver = node.func.attr, names_in(node.func.value)
            if receiver <= operations | ROUTERS:
                continue
            onward = {child.attr for child in ast.walk(node.func.value) if isinstance(child, ast.Attribute)}
            if name in WRITES or (name in AMBIGUOUS and (receiver & QUERYING or onward & related)):
                yield name, node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and WRITING_SQL.search(node.value):
            yield "SQL", node.lineno


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_rooms_to_its_right(path: Path) -> None:
    room = room_of(path)
    for module, line in imported(ast.parse(path.read_text())):
        package, _, rest = module.partition(".")
        if package != "keyadmin" or not rest:
            continue
        other = rest.split(".")[0]
        allowed = MAY_IMPORT[room] | {room} | (MOUNTS_FOR_DOORS if room in DOORS else set())
        assert other in allowed, f"{path.name}:{line}: {room} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_operations_the_meter_and_the_outcomes_write_rows(path: Path) -> None:
    writers = {PACKAGE / "authn" / "meter.py", PACKAGE / "outcomes" / "writer.py"}
    if room_of(path) in {"operations", "migrations"} or path in writers:
        return
    found = [f"{path.name}:{line}: {name}" for name, line in writes(ast.parse(path.read_text()))]
    assert not found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_doors_see_a_request(path: Path) -> None:
    if room_of(path) in DOORS:
        return
    found = [f"{path.name}:{line}" for module, line in imported(ast.parse(path.read_text())) if "django.http" in module]
    assert not found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_signals_of_our_own_and_no_save_overrides(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if room_of(path) == "models":
        assert "save" not in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert "django.dispatch.Signal" not in {module for module, _ in imported(tree)}


def test_the_foundation_is_pure_python() -> None:
    for path in (PACKAGE / "foundation").glob("*.py"):
        packages = {module.split(".")[0] for module, _ in imported(ast.parse(path.read_text()))}
        assert not packages & {"django", "psycopg", "structlog"}, path.name


def test_the_call_path_can_be_read_in_one_sitting() -> None:
    sources = list((PACKAGE / "authn").glob("*.py"))
    assert sum(len(path.read_text().splitlines()) for path in sources) < 400
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 40, f"{path.name}: {node.name}"


def test_files_and_functions_have_one_subject() -> None:
    for path in PACKAGE.rglob("*.py"):
        if path.match("migrations/*"):
            continue
        source = path.read_text()
        assert len(source.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno - node.lineno < 40, f"{path}: {node.name}"


def test_the_checks_notice_what_they_forbid() -> None:
    offender = ast.parse(
        "from keyadmin.web import keys\nKey.objects.filter(id=1).update(name='x')\nkey.save()\n"
        "cursor.execute('UPDATE key SET name = 1')\nsettings.update(a=1)\nkey.secrets.update(not_after=None)\n"
        "key.scopes.filter(name='x').set([])\nperson.memberships.all().aupdate(role='x')\nkey.channels.clear()\n"
        "cursor.execute('update meter as m\\n set used = 0')\ncursor.execute('with x as (delete from key) select 1')\n"
        "cursor.execute('insert into key values (1)')\ncursor.execute('truncate event;')\n"
        "scopes = set()\nscopes.add('x')\nwords = 'Update the key and set a name, or delete it from here.'\n"
    )
    assert ("keyadmin.web.keys", 1) in set(imported(offender))
    assert [line for _, line in sorted(writes(offender), key=lambda found: found[1])] == [2, 3, 4, *range(6, 14)]
