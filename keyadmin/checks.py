"""System checks of settings that would open keyadmin to callers without a right, or close it to all callers.

The checks of the database run with `check --deploy --database default`; `migrate` runs `check_own_endpoints` and
`check_email_addresses` too.
"""

from collections.abc import Collection, Iterable
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django's name
from django.db import connections

from keyadmin.conf import conf
from keyadmin.core.email_address import EmailAddressError, normal_form
from keyadmin.core.endpoints import OWN_ROUTES
from keyadmin.core.routes import Route, overlaps
from keyadmin.db import roles, urls
from keyadmin.models import Person, ScopeRoute, Secret

PEPPER_LENGTH_BYTES: Final = 32
#: Networks of proxies with a shorter prefix are an error.
MIN_PROXY_PREFIX_BITS: Final = 8
LOOPBACK_NAMES: Final = {"localhost", "127.0.0.1", "[::1]"}


def register_all() -> None:
    """Register the checks with Django. AppConfig.ready() calls this."""
    register(check_closed_prefixes, Tags.security)
    register(check_peppers, Tags.security, deploy=True)
    register(check_trusted_proxies, Tags.security, deploy=True)
    register(check_allowed_hosts, Tags.security, deploy=True)
    register(check_own_endpoints, Tags.database)
    register(check_email_addresses, Tags.database)
    register(check_peppers_in_use, Tags.database, deploy=True)
    register(check_history_privileges, Tags.database, deploy=True)


def check_closed_prefixes(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    prefixes = conf.closed_prefixes
    if isinstance(prefixes, str) or not all(prefix.startswith("/") and prefix.endswith("/") for prefix in prefixes):
        message = "KEYADMIN_CLOSED_PREFIXES is not a list of paths that begin and end with /."
        return [Error(message, hint='Write a list such as ["/api/"].', id="keyadmin.E009")]
    return []


def check_peppers(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    if not conf.peppers:
        return [Error("There is no pepper.", hint="Set KEYADMIN_PEPPERS.", id="keyadmin.E001")]
    for pepper in conf.peppers.values():
        if len(pepper) != PEPPER_LENGTH_BYTES or len(set(pepper)) == 1:
            hint = "Generate a pepper: python -c 'import secrets; print(secrets.token_hex(32))'"
            return [Error("A pepper is not 32 random bytes.", hint=hint, id="keyadmin.E002")]
    return []


def check_trusted_proxies(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    if any(mask.bit_count() < MIN_PROXY_PREFIX_BITS for _, _, mask in conf.trusted_proxies):
        message = "KEYADMIN_TRUSTED_PROXIES contains a very large network: every host in it can claim any address."
        return [Error(message, hint="List only the addresses of your proxies.", id="keyadmin.E003")]
    return []


def check_allowed_hosts(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    names = set(settings.ALLOWED_HOSTS)
    hint = "Set KEYADMIN_ALLOWED_HOSTS to the host names that people use."
    if not names:
        return [Error("No host name is allowed.", hint=hint, id="keyadmin.E004")]
    if "*" in names:
        return [Error("Every host name is allowed.", hint=hint, id="keyadmin.E005")]
    if names <= LOOPBACK_NAMES:
        return [Error("Only host names of this machine are allowed.", hint=hint, id="keyadmin.E006")]
    return []


def check_own_endpoints(
    app_configs: object, databases: Collection[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Permissions with routes that match keyadmin's own endpoints.

    Editing a permission rejects such a route. A later version of keyadmin may add an endpoint where a route exists.
    """
    if not _is_checked(databases, ScopeRoute._meta.db_table):
        return []
    rows: Iterable[Any] = ScopeRoute.objects.order_by("pattern", "method").values_list(
        "method", "pattern", "scope_id", "channel_from"
    )
    routes = [route for route in (Route(*row) for row in rows) if any(overlaps(route, own) for own in OWN_ROUTES)]
    if routes:
        overlapping = ", ".join(f"{route.scope} ({route.method} {route.pattern})" for route in routes)
        message = f"Permissions have routes that keyadmin's own endpoints answer: {overlapping}."
        hint = "Edit these permissions so that their routes match other paths: the endpoint takes precedence."
        return [Warning(message, hint=hint, id="keyadmin.W008")]
    return []


def check_email_addresses(
    app_configs: object, databases: Collection[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """People whose email address has no normal form or equals another's in it. The database refuses new ones."""
    if not _is_checked(databases, Person._meta.db_table):
        return []
    by_form: dict[str, list[str]] = {}
    for person_id, email in Person.objects.order_by("email", "id").values_list("id", "email"):
        try:
            form = normal_form(email)
        except EmailAddressError:
            form = ""
        by_form.setdefault(form, []).append(f"{email} ({person_id})")
    messages: list[CheckMessage] = []
    if people := by_form.pop("", []):
        message = f"People have an email address that cannot be kept: {', '.join(people)}."
        hint = "Before the @ only ASCII characters are allowed. Change these addresses, then migrate."
        messages.append(Error(message, hint=hint, id="keyadmin.E011"))
    for form, people in by_form.items():
        if len(people) > 1:
            message = f"People have the same email address {form}: {', '.join(people)}."
            messages.append(Error(message, hint="Change all but one of them, then migrate.", id="keyadmin.E012"))
    return messages


def check_peppers_in_use(
    app_configs: object, databases: Collection[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Peppers that stored secrets need and KEYADMIN_PEPPERS lacks: calls with these keys get 401."""
    if not _is_checked(databases, Secret._meta.db_table):
        return []
    used = set(Secret.objects.values_list("pepper_id", flat=True).distinct())
    if missing := sorted(used - conf.peppers.keys()):
        ids = ", ".join(map(str, missing))
        message = f"KEYADMIN_PEPPERS lacks peppers that keys in the database need: {ids}."
        return [Error(message, hint="Add them again.", id="keyadmin.E007")]
    return []


def check_history_privileges(
    app_configs: object, databases: Collection[str] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Privileges of the application's role that let any code in the application rewrite history."""
    if conf.database_alias not in (databases or ()):
        return []
    if privileges := roles.history_rewrite_privileges(conf.database_alias):
        message = f"The application's database role could change history: {', '.join(privileges)}."
        hint = f"Set {urls.OWNER} for the owner of the tables, and another role in {urls.APPLICATION}."
        return [Warning(message, hint=hint, id="keyadmin.W010")]
    return []


def _is_checked(databases: Collection[str] | None, table: str) -> bool:
    """Whether the command checks keyadmin's database, and the table exists there."""
    alias = conf.database_alias
    return alias in (databases or ()) and table in connections[alias].introspection.table_names()
