"""The rules of the house, read from the syntax trees: who imports whom, who writes rows, who sees a request."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "keyadmin"

DOORS = {"web", "api", "gateway", "management"}
#: Each room and the rooms it may import, besides itself.
MAY_IMPORT = {
    **{door: {"forms", "operations", "authn", "models", "foundation"} for door in DOORS},
    "forms": {"operations", "authn", "models", "foundation"},
    "operations": {"models", "foundation"},
    "authn": {"models", "foundation"},
    "models": {"foundation"},
    "foundation": set(),
    "migrations": {"models"},  # the fields that a schema names
}
#: Modules beside the rooms that a door may read: the environment has no other reader.
MOUNTS_FOR_DOORS = {"env"}
WRITES = {"save", "create", "bulk_create", "bulk_update", "update_or_create", "get_or_create", "delete"}
WRITES |= {f"a{name}" for name in WRITES}
WRITING_SQL = re.compile(r"\b(INSERT INTO|UPDATE [a-z_]+ SET|DELETE FROM|TRUNCATE)\b")

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


def operations_in(tree: ast.AST) -> set[str]:
    """The names by which a module calls the modules of operations, whose `create` is no QuerySet's."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "keyadmin.operations"
        for alias in node.names
    }


def writes(tree: ast.AST) -> Iterator[tuple[str, int]]:
    operations = operations_in(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, receiver = node.func.attr, names_in(node.func.value)
            if receiver <= operations:
                continue
            if name in WRITES or (name in {"update", "aupdate", "add", "set"} and receiver & {"objects", "filter"}):
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
def test_only_operations_and_the_meter_write_rows(path: Path) -> None:
    if room_of(path) in {"operations", "migrations"} or path == PACKAGE / "authn" / "meter.py":
        return
    found = [f"{path.name}:{line}: {name}" for name, line in writes(ast.parse(path.read_text()))]
    assert not found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_doors_and_the_middleware_see_a_request(path: Path) -> None:
    if room_of(path) in DOORS or path == PACKAGE / "authn" / "middleware.py":
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
        "cursor.execute('UPDATE key SET name = 1')\nsettings.update(a=1)\n"
    )
    assert ("keyadmin.web.keys", 1) in set(imported(offender))
    assert [line for _, line in sorted(writes(offender), key=lambda found: found[1])] == [2, 3, 4]
