"""The API call that this thread or task is answering."""

from contextvars import ContextVar
from typing import Final
from uuid import UUID

current_call: Final[ContextVar[tuple[UUID, str] | None]] = ContextVar("keyadmin_current_call", default=None)
"""The key's id and the request id. Log lines written while the call is answered carry both."""
