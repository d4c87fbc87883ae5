"""Why an operation did not happen. Each message is fit to be shown to whoever asked."""

from collections.abc import Mapping, Sequence
from typing import Any


class OperationError(Exception):
    """Nothing was changed; `message` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ForbiddenError(OperationError):
    """The actor sees it and may not do it."""


class NotFoundError(OperationError):
    """There is no such thing, or the actor may not know that there is."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or "Not found.")


class ConflictError(OperationError):
    """The present state does not allow it; `event` is the change that came first, if that is why."""

    def __init__(self, message: str, event: Any = None) -> None:
        super().__init__(message)
        self.event = event


class StaleRevisionError(ConflictError):
    """It is no longer what it was when the actor read it; `event` is the change that came first."""


class DuplicateRequestError(ConflictError):
    """The same request has already made something: its id, and the digest of the request, if that was kept.

    Where it was a secret, that is not shown again.
    """

    def __init__(self, made: str, asked: str = "") -> None:
        super().__init__("The secret was already shown. Regenerate to get a new one.")
        self.made, self.asked = made, asked


class LockTimeoutError(ConflictError):
    """Another transaction held the rows for too long. Nothing was changed; try again."""

    def __init__(self) -> None:
        super().__init__("Someone else is changing this right now. Try again.")


class InvalidInputError(OperationError):
    """Values that cannot be accepted: messages by field name, `__all__` for the whole."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        self.errors: dict[str, list[str]] = {field: list(messages) for field, messages in errors.items()}
        super().__init__(" ".join(message for messages in self.errors.values() for message in messages))
