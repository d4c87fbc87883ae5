"""Checks of the settings: what would open a door, or keep everybody out."""

from collections.abc import Collection, Iterable
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's word
from django.db import DEFAULT_DB_ALIAS, connection, connections

from keyadmin.conf import conf
from keyadmin.core.endpoints import OWN_ROUTES
from keyadmin.core.routes import Route, overlap
from keyadmin.db import roles, urls
from keyadmin.models import ScopeRoute, Secret

PEPPER_LENGTH = 32
#: Bits of the shortest suffix that a network of proxies may have.
WIDEST_PROXIES = 8
LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}


@register(Tags.security, deploy=True)
def peppers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    ring = conf.peppers
    if not ring:
        return [Error("There is no pepper.", hint="Set KEYADMIN_PEPPERS.", id="keyadmin.E001")]
    short = sorted(number for number, pepper in ring.items() if len(pepper) != PEPPER_LENGTH)
    if short or any(len(set(pepper)) == 1 for pepper in ring.values()):
        hint = "Make one: python -c 'import secrets; print(secrets.token_hex(32))'"
        return [Error("A pepper is not 32 random bytes.", hint=hint, id="keyadmin.E002")]
    return []


@register(Tags.database, deploy=True)
def peppers_in_use(app_configs: Any, databases: Collection[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Asked with `check --deploy --database default`. A key without its pepper is answered 401, as if it were wrong."""
    is_asked = DEFAULT_DB_ALIAS in (databases or ())
    if not is_asked or Secret._meta.db_table not in connection.introspection.table_names():
        return []
    used = set(Secret.objects.values_list("pepper_id", flat=True).distinct())
    missing = ", ".join(map(str, sorted(used - conf.peppers.keys())))
    if missing:
        words = f"KEYADMIN_PEPPERS lacks peppers that keys in the database need: {missing}."
        return [Error(words, hint="Add them again.", id="keyadmin.E007")]
    return []


@register(Tags.database, deploy=True)
def powers_over_history(
    app_configs: Any, databases: Collection[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Asked with `check --deploy --database default`. Whoever runs code in the application then has them too."""
    if conf.database_alias not in (databases or ()):
        return []
    if powers := roles.powers_over_history(conf.database_alias):
        words = f"The application's database role could change history: {', '.join(powers)}."
        hint = f"Set {urls.OWNER} for the owner of the tables, and another role in {urls.APPLICATION}."
        return [Warning(words, hint=hint, id="keyadmin.W010")]
    return []


@register(Tags.database)
def own_endpoints(app_configs: Any, databases: Collection[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Asked by `migrate` and with `check --database default`. Permissions are refused such routes when they are
    edited, but an endpoint may be younger than a route.
    """
    is_asked = conf.database_alias in (databases or ())
    database = connections[conf.database_alias]
    if not is_asked or ScopeRoute._meta.db_table not in database.introspection.table_names():
        return []
    rows: Iterable[Any] = ScopeRoute.objects.order_by("pattern", "method").values_list(
        "method", "pattern", "scope_id", "channel_from"
    )
    found = [route for route in (Route(*row) for row in rows) if any(overlap(route, own) for own in OWN_ROUTES)]
    clashing = [f"{route.scope} ({route.method} {route.pattern})" for route in found]
    if clashing:
        words = f"Permissions have routes that keyadmin's own endpoints answer: {', '.join(clashing)}."
        return [Warning(words, hint="Narrow these routes: the endpoint goes first.", id="keyadmin.W008")]
    return []


@register(Tags.security)
def closed_prefixes(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    prefixes = conf.closed_prefixes
    if isinstance(prefixes, str) or not all(one.startswith("/") and one.endswith("/") for one in prefixes):
        words = "KEYADMIN_CLOSED_PREFIXES is not a list of paths that begin and end with /."
        return [Error(words, hint='Write ["/api/"].', id="keyadmin.E009")]
    return []


@register(Tags.security, deploy=True)
def trusted_proxies(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """That they are networks is seen to when the settings are read."""
    if any(mask.bit_count() < WIDEST_PROXIES for _, _, mask in conf.trusted_proxies):
        words = "KEYADMIN_TRUSTED_PROXIES trusts more than a proxy's network: anybody there can claim any address."
        return [Error(words, hint="Name the proxies' own addresses.", id="keyadmin.E003")]
    return []


@register(Tags.security, deploy=True)
def hosts(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    names = set(settings.ALLOWED_HOSTS)
    hint = "Set KEYADMIN_ALLOWED_HOSTS to the names that people use."
    if not names:
        return [Error("No host name is allowed.", hint=hint, id="keyadmin.E004")]
    if "*" in names:
        return [Error("Every host name is allowed.", hint=hint, id="keyadmin.E005")]
    if names <= LOOPBACK:
        return [Error("Only this machine's own names are allowed.", hint=hint, id="keyadmin.E006")]
    return []
