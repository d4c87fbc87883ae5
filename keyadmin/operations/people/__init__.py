"""Acts on people and the roles they hold; sign-in, passwords and sessions are modules of this package."""

from keyadmin.operations.people.accounts import (
    Invited,
    create,
    deactivate,
    edit,
    invite,
    make_link,
    reactivate,
    remove_role,
    set_role,
    set_system_role,
)

__all__ = [
    "Invited",
    "create",
    "deactivate",
    "edit",
    "invite",
    "make_link",
    "reactivate",
    "remove_role",
    "set_role",
    "set_system_role",
]
