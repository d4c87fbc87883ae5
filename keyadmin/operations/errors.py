"""Why an operation did not happen. Each message is fit to be shown to whoever asked."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from keyadmin.models import Event


class OperationError(Exception):
    """Nothing was changed; `message` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Forbidden(OperationError):  # noqa: N818 - a word of the contract
    """The actor sees it and may not do it."""


class NotFound(OperationError):  # noqa: N818 - a word of the contract
    """There is no such thing, or the actor may not know that there is."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or _("Not found."))


class Conflict(OperationError):  # noqa: N818 - a word of the contract
    """The present state does not allow it; `event` is the change that came first, if that is why."""

    def __init__(self, message: str, event: Event | None = None) -> None:
        super().__init__(message)
        self.event = event


class Overtaken(Conflict):
    """It is no longer what it was when the actor read it; `event` is the change that came first."""


class AlreadyDone(Conflict):
    """The same request has already made something: its id, and the digest of the request, if that was kept.

    Where it was a secret, that is not shown again.
    """

    def __init__(self, made: str, asked: str = "") -> None:
        super().__init__(_("The secret was already shown. Regenerate to get a new one."))
        self.made, self.asked = made, asked


class Busy(Conflict):
    """Somebody else was changing the same thing for too long. Nothing keeps it from being done in a moment."""

    def __init__(self) -> None:
        super().__init__(_("Someone else is changing this right now. Try again."))


class Invalid(OperationError):  # noqa: N818 - a word of the contract
    """Values that cannot be accepted: messages by field name, `__all__` for the whole."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        self.errors: dict[str, list[str]] = {field: list(messages) for field, messages in errors.items()}
        super().__init__(" ".join(message for messages in self.errors.values() for message in messages))
