"""What PostgreSQL's roles may do: the owner of the tables leaves the application and the call path what each needs."""

from pathlib import Path
from typing import Final

from django.db import connections, transaction
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from keyadmin.db.urls import Roles

_APP: Final = "keyadmin"
_GRANTS: Final = Path(__file__).with_name("roles.sql")
#: What would take history's promise back.
_AGAINST_HISTORY: Final = ["UPDATE", "DELETE", "TRUNCATE"]


def grants(roles: Roles) -> str:
    """The statements, for a database that has its tables."""
    names = {"app": sql.Identifier(roles.app), "calls": sql.Identifier(roles.calls)}
    return sql.SQL(_GRANTS.read_text()).format(**names).as_string()


def grant(roles: Roles, using: str) -> bool:
    """All or nothing, as the owner. False where some migration is missing: the tables are not those of this code."""
    database = connections[using]
    loader = MigrationLoader(database)
    if set(loader.graph.leaf_nodes(_APP)) - loader.applied_migrations.keys():
        return False
    with transaction.atomic(using), database.cursor() as cursor:
        cursor.execute(grants(roles))
    return True


def powers_over_history(using: str, role: str = "") -> list[str]:
    """What a role, else the connected one, may do to events besides reading and adding to them: superuser, owner,
    UPDATE, DELETE, TRUNCATE. Empty where there is no such table.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(_POWERS, {"role": role, "powers": _AGAINST_HISTORY})
        return [power for (power,) in cursor.fetchall()]


_POWERS: Final = """
    WITH asked AS (
            SELECT oid AS role, rolsuper FROM pg_roles WHERE rolname = coalesce(nullif(%(role)s, ''), current_user)
        ),
        history AS (SELECT oid AS event, relowner FROM pg_class WHERE oid = to_regclass('event'))
    SELECT 'superuser' FROM asked WHERE rolsuper
    UNION ALL SELECT 'owner' FROM asked, history WHERE NOT rolsuper AND pg_has_role(role, relowner, 'USAGE')
    UNION ALL SELECT power FROM asked, history, unnest(%(powers)s::text[]) AS power
        WHERE NOT rolsuper AND has_table_privilege(role, event, power)
"""
