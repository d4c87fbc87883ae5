"""The public API for Django projects: `KeyMiddleware`, `requires` and `KeyadminRouter`. See docs/guides/django.md."""

from keyadmin.integrations.django.decorators import requires
from keyadmin.integrations.django.middleware import KeyMiddleware
from keyadmin.integrations.django.routers import KeyadminRouter

__all__ = ["KeyMiddleware", "KeyadminRouter", "requires"]
