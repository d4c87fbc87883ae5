"""The public API for Django projects. See docs/guides/django.md."""

from keyadmin.integrations.django.decorators import requires
from keyadmin.integrations.django.middleware import KeyMiddleware, KeyRequest
from keyadmin.integrations.django.routers import KeyadminRouter

__all__ = ["KeyMiddleware", "KeyRequest", "KeyadminRouter", "requires"]
