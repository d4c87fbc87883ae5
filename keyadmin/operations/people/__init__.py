"""Operations on people and their roles.

`invitations` has those by which people join, `passwords`, `sessions` and `token_sessions` those on passwords and
sessions. `links` are what invitations and password links have in common. `sign_in` limits failed sign-ins.
docs/architecture/people.md describes the whole.
"""

from keyadmin.operations.people.accounts import (
    MadeLink,
    create,
    create_password_link,
    deactivate,
    edit,
    end_link,
    reactivate,
    remove_role,
    require_active,
    require_state_change,
    set_role,
    set_system_role,
    verify_email,
)

__all__ = [
    "MadeLink",
    "create",
    "create_password_link",
    "deactivate",
    "edit",
    "end_link",
    "reactivate",
    "remove_role",
    "require_active",
    "require_state_change",
    "set_role",
    "set_system_role",
    "verify_email",
]
