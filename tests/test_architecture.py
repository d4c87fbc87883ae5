"""Rules of the architecture, read from the syntax trees of all modules."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.apps import apps
from django.db.models.fields.reverse_related import ForeignObjectRel

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "keyadmin"

#: Each package and the packages of keyadmin that it may import, besides itself. DESIGN: imports point to the right.
#:
#:     web | api | integrations | management  →  forms  →  operations | explain  →  callpath  →  models  →  core
MAY_IMPORT = {
    "core": set(),
    "models": {"core"},
    "callpath": {"models", "core"},
    "operations": {"callpath", "models", "core"},
    "explain": {"callpath", "models", "core"},
    "forms": {"operations", "explain", "callpath", "models", "core"},
    "web": {"forms", "operations", "explain", "callpath", "models", "core"},
    "api": {"forms", "operations", "explain", "callpath", "models", "core"},
    "integrations": {"forms", "operations", "explain", "callpath", "models", "core"},
    "management": {"forms", "operations", "explain", "callpath", "models", "core", "server"},
    "migrations": {"models", "core"},  # the fields that a schema names
    "db": set(),
    # The composition root.
    "server": {"web", "api", "integrations", "forms", "operations", "explain", "callpath", "models", "core"},
}
#: Modules and packages that every package but `core` may import.
SHARED = {"conf", "db", "env", "__version__"}
#: Packages that see an HTTP request.
SEE_REQUESTS = {"web", "api", "integrations", "server"}
#: allauth's adapter receives the request, and pages and API share one subclass of it.
SEES_REQUEST_OF_ALLAUTH = {"operations/people/sign_in.py"}
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

#: The name of a test module or a conftest module in a dotted name.
TEST_MODULE = re.compile(r"\.(?:test_\w+|conftest)(?:\.|$)")

SOURCES = sorted(PACKAGE.rglob("*.py"))


def package_of(path: Path) -> str:
    """The package of a module; "" for Django's conventional modules at the top, which may import everything."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


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
    many = {field.get_accessor_name() for field in fields if isinstance(field, ForeignObjectRel)}
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
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("keyadmin.operations")
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


def test_packages_import_only_packages_to_their_right() -> None:
    found = []
    for path in SOURCES:
        package = package_of(path)
        if not package:
            continue
        for module, line in imported(ast.parse(path.read_text())):
            root, _, rest = module.partition(".")
            other = rest.split(".")[0]
            if root != "keyadmin" or not rest or other == package:
                continue
            if other not in MAY_IMPORT[package] | (SHARED if package != "core" else set()):
                found.append(f"{path.relative_to(PACKAGE)}:{line}: {package} imports {module}")
    assert not found


def test_rows_are_written_only_in_operations_the_call_path_and_migrations() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {name}"
        for path in SOURCES
        if package_of(path) not in {"operations", "callpath", "migrations"}
        for name, line in writes(ast.parse(path.read_text()))
    ]
    assert not found


def test_only_interfaces_see_an_http_request() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in SOURCES
        if package_of(path) not in SEE_REQUESTS | {""} and str(path.relative_to(PACKAGE)) not in SEES_REQUEST_OF_ALLAUTH
        for module, line in imported(ast.parse(path.read_text()))
        if "django.http" in module
    ]
    assert not found


def test_core_is_pure_and_models_have_no_save_and_no_signals() -> None:
    found = []
    for path in SOURCES:
        tree, package = ast.parse(path.read_text()), package_of(path)
        modules = {module for module, _ in imported(tree)}
        if package == "core" and {module.split(".")[0] for module in modules} & {"django", "psycopg", "structlog"}:
            found.append(f"{path.name} is in core and imports a framework")
        if package == "models" and "save" in {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}:
            found.append(f"{path.name} overrides save()")
        if "django.dispatch.Signal" in modules:
            found.append(f"{path.name} defines a signal")
    assert not found


def test_no_module_of_tests_imports_a_test_or_a_conftest_module() -> None:
    """What several modules share is a fixture in `tests/fixtures/` or a function in a module with a name of its own."""
    found = [
        f"{path.relative_to(TESTS)}:{line}: {module}"
        for path in sorted(TESTS.rglob("*.py"))
        for module, line in imported(ast.parse(path.read_text()))
        if module.startswith("tests.") and TEST_MODULE.search(module)
    ]
    assert not found


def test_checks_find_forbidden_imports_and_writes() -> None:
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
    modules = ("tests.web.test_bots.URL", "tests.web.conftest", "tests.web.pages.key_names")
    assert [bool(TEST_MODULE.search(module)) for module in modules] == [True, True, False]
