"""Errors of operations. Each carries a message for the person or the program that made the request.

`core` has no translations: the code that raises an error translates its message, and interfaces show it as it is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol


class EarlierChange(Protocol):
    """An event that changed the row since the actor read it: the fields of `keyadmin.models.Event` that pages show."""

    @property
    def number(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def actor_label(self) -> str: ...


class OperationError(Exception):
    """The operation changed nothing; `message` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ForbiddenError(OperationError):
    """The actor can see the object, but does not have the permission."""


class NotFoundError(OperationError):
    """The object does not exist, or the actor may not know that it exists. Each interface says so in its own words."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or "Not found.")


class ConflictError(OperationError):
    """The current state of the object does not allow the operation. `event` is the change that led to it, if known."""

    def __init__(self, message: str, event: EarlierChange | None = None) -> None:
        super().__init__(message)
        self.event = event


class OrganisationDisabledError(ConflictError):
    """The organisation is disabled: its people may read it and change nothing."""


class StaleRevisionError(ConflictError):
    """The object has changed since the actor read it."""


class DuplicateRequestError(ConflictError):
    """The actor has used the idempotency key before. The first request's secret is not shown again.

    `result_id` is the primary key of the row that the first request created or changed. `request_digest` is the
    SHA-256 of that request in hexadecimal, "" if it was not recorded.
    """

    def __init__(self, message: str, result_id: str, request_digest: str = "") -> None:
        super().__init__(message)
        self.result_id, self.request_digest = result_id, request_digest


class LockTimeoutError(ConflictError):
    """Another transaction held a lock on the rows for too long. The request can be repeated."""


class BusyError(OperationError):
    """This process has no room for the operation now. It can be sent again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class InvalidInputError(OperationError):
    """Some values are not valid. `errors` has the messages by field name; `__all__` is the request as a whole."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        self.errors: dict[str, list[str]] = {field: list(messages) for field, messages in errors.items()}
        super().__init__(" ".join(message for messages in self.errors.values() for message in messages))


class InvalidFilterError(InvalidInputError):
    """A filter, or the cursor of a page, in the URL of a list is not valid. `errors` has the messages by parameter."""


class NoChangesError(InvalidInputError):
    """An edit whose values are those that the object already has."""
