"""The `RateLimit` and `RateLimit-Policy` headers of draft-ietf-httpapi-ratelimit-headers."""

from keyadmin.core.denials import Quota


def rate_limit(quota: Quota, until: int | None = None) -> dict[str, str]:
    """The fields of draft-ietf-httpapi-ratelimit-headers; `until` is the seconds until there is room again."""
    reset = f";t={until}" if until is not None else ""
    return {
        "RateLimit-Policy": f'"hour";q={quota.limit};w=3600',
        "RateLimit": f'"hour";r={quota.remaining}{reset}',
    }
