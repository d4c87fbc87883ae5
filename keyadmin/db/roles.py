"""The privileges of PostgreSQL's roles, and the connection of the role that owns the tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.core.management.base import CommandError
from django.db import OperationalError, connections, transaction
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from keyadmin.conf import conf
from keyadmin.db import urls
from keyadmin.db.urls import Roles

_APP_LABEL: Final = "keyadmin"
_GRANTS: Final = Path(__file__).with_name("roles.sql")
#: Privileges that would let a role rewrite history.
_REWRITE_PRIVILEGES: Final = ["UPDATE", "DELETE", "TRUNCATE"]


@contextmanager
def connected_as_owner() -> Iterator[None]:
    """Connect to keyadmin's database as the owner of its tables within the block, if the owner has its own URL.

    Raises CommandError if the owner cannot connect, and TransactionManagementError within a transaction.
    """
    overrides = conf.owner_database_overrides
    if not overrides:
        yield
        return
    database = connections[conf.database_alias]
    database.validate_no_atomic_block()
    application = database.settings_dict
    database.close()
    database.settings_dict = urls.with_parameters(application, overrides)
    try:
        _ensure_connection()
        yield
    finally:
        database.close()
        database.settings_dict = application


def _ensure_connection() -> None:
    try:
        connections[conf.database_alias].ensure_connection()
    except OperationalError as error:
        if message := urls.connection_problem(error.__cause__ or error, urls.OWNER):
            raise CommandError(message) from error
        raise


def grants(roles: Roles) -> str:
    """SQL that grants the application and the call path what they need on the tables of this version."""
    names = {"app": sql.Identifier(roles.app), "calls": sql.Identifier(roles.calls)}
    return sql.SQL(_GRANTS.read_text()).format(**names).as_string()


def grant(roles: Roles, using: str) -> bool:
    """Run `grants` in one transaction, as the owner. Return False and do nothing if a migration is missing."""
    database = connections[using]
    loader = MigrationLoader(database)
    if set(loader.graph.leaf_nodes(_APP_LABEL)) - loader.applied_migrations.keys():
        return False
    with transaction.atomic(using), database.cursor() as cursor:
        cursor.execute(grants(roles))
    return True


def history_rewrite_privileges(using: str, role: str = "") -> list[str]:
    """The privileges with which a role, by default the connected one, could change or remove events.

    Some of: superuser, owner, UPDATE, DELETE, TRUNCATE. Empty if the role has none, or if there is no table of events.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(_HISTORY_REWRITE_PRIVILEGES, {"role": role, "privileges": _REWRITE_PRIVILEGES})
        return [privilege for (privilege,) in cursor.fetchall()]


_HISTORY_REWRITE_PRIVILEGES: Final = """
    WITH grantee AS (
            SELECT oid AS role, rolsuper FROM pg_roles WHERE rolname = coalesce(nullif(%(role)s, ''), current_user)
        ),
        history AS (SELECT oid AS event, relowner FROM pg_class WHERE oid = to_regclass('event'))
    SELECT 'superuser' FROM grantee WHERE rolsuper
    UNION ALL SELECT 'owner' FROM grantee, history WHERE NOT rolsuper AND pg_has_role(role, relowner, 'USAGE')
    UNION ALL SELECT privilege FROM grantee, history, unnest(%(privileges)s::text[]) AS privilege
        WHERE NOT rolsuper AND has_table_privilege(role, event, privilege)
"""
