"""keyadmin's settings, typed.

`conf.NAME` is the Django setting `KEYADMIN_NAME`, or its default. The first read looks it up in
`django.conf.settings` and keeps the value in `conf`, because the call path reads several settings per call. Django
sends `setting_changed` when a test overrides a setting; `conf` then forgets its values.

To add a setting, add an attribute to `Conf`. If the environment decides it, also assign `KEYADMIN_NAME` in
`keyadmin/settings.py`.
"""

from functools import cached_property
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from keyadmin.core import cidr
from keyadmin.db.urls import Roles

_PREFIX: Final = "KEYADMIN_"


class Setting[T]:
    """A setting with a default. As a `cached_property`, it is replaced by its value on the first read."""

    def __init__(self, default: T) -> None:
        self._default = default

    def __set_name__(self, owner: type, attribute: str) -> None:
        self._attribute = attribute

    def __get__(self, instance: object, owner: type) -> T:
        value: T = getattr(settings, f"{_PREFIX}{self._attribute.upper()}", self._default)
        vars(instance)[self._attribute] = value
        return value


class Conf:
    """The settings. Each attribute is named like its setting, without `KEYADMIN_` and in lower case."""

    api_prefix = Setting[str]("/api/")
    """Path prefix of keyadmin's own API. It begins and ends with a slash."""

    base_url = Setting[str]("")
    """URL at which programs and people reach this server, without a path. Empty: the URL of the request at hand."""

    call_deadline_seconds = Setting[float](1.0)
    """Seconds that a call waits for PostgreSQL. After that it gets 503."""

    calls_database_overrides = Setting[dict[str, str]]({})
    """libpq parameters of the call path's connections that differ from those of `database_alias`."""

    closed_prefixes = Setting[list[str] | tuple[str, ...]](("/api/",))
    """Path prefixes under which every request needs a key. Each begins and ends with a slash."""

    database_alias = Setting[str]("default")
    """Alias in DATABASES of the database that holds keyadmin's tables."""

    database_roles = Setting[Roles | None](None)
    """PostgreSQL roles of owner, application and call path. None: one role does everything."""

    device_cookie_name = Setting[str]("device")
    """Name of the cookie of a browser in which a person has signed in before."""

    durable_counts = Setting[bool](False)
    """Whether counting a call waits for PostgreSQL's disk. If not, a crash of PostgreSQL may lose the last counts."""

    owner_database_overrides = Setting[dict[str, str]]({})
    """libpq parameters of the owner of the tables, for `migrate` and `database_roles`, that differ from those of
    `database_alias`. Empty: these commands connect as the application."""

    jwt_key = Setting[bytes](b"")
    """Key that signs access tokens of people who use the API. Empty: there are no access tokens."""

    max_cached_snapshots = Setting[int](20_000)
    """Key snapshots that a process caches. The least recently used is removed first."""

    metrics_token = Setting[str]("")
    """Bearer token that opens /metrics. Empty: /metrics is closed."""

    open_requests_per_minute = Setting[int](120)
    """Requests without credentials, such as sign-ins, that one client address may send to one process in a minute."""

    page_deadline_seconds = Setting[float](5.0)
    """Seconds that a page waits for one statement."""

    require_https = Setting[bool](False)
    """Whether a call that carries a credential over plain HTTP is denied."""

    threads = Setting[int](8)
    """Threads of one process of the web server: requests that it answers at once."""

    trusted_proxies = Setting[cidr.CompiledNetworks](())
    """Networks of proxies whose X-Forwarded-For header is trusted."""

    @cached_property
    def peppers(self) -> dict[int, bytes]:
        """Pepper ring {id: 32 bytes}: the HMAC keys of secrets' digests. Raises ImproperlyConfigured while not set."""
        try:
            ring: dict[int, bytes] = settings.KEYADMIN_PEPPERS
        except AttributeError:
            raise ImproperlyConfigured("KEYADMIN_PEPPERS is not set.") from None
        return ring

    @cached_property
    def current_pepper(self) -> int:
        """Id in `peppers` of the pepper that digests new secrets. Default: the highest id."""
        current: int | None = getattr(settings, "KEYADMIN_CURRENT_PEPPER", None)
        return max(self.peppers) if current is None else current

    def site_url(self, request_url: str = "") -> str:
        """Scheme and host for links to pages, without a slash at the end: `base_url`, else the first allowed host.

        The URL of a request counts only outside production, because its Host header comes from the client.
        """
        host = next(iter(settings.ALLOWED_HOSTS), "")
        if not self.base_url and getattr(settings, "PRODUCTION", False) and host and host[0] not in ".*":
            return f"https://{host}"
        return (self.base_url or request_url).rstrip("/")

    def forget_changed(self, *, setting: str, **_: Any) -> None:
        """Receive `setting_changed`: forget all values if one of keyadmin's settings was changed."""
        if setting.startswith(_PREFIX):
            vars(self).clear()


conf: Final = Conf()
