"""Operations on people and their roles.

`passwords`, `sessions` and `token_sessions` have those on passwords and sessions. `sign_in` checks passwords and limits
failed sign-ins. `rows` has what these modules share.
"""

from keyadmin.operations.people.accounts import (
    InvitedPerson,
    create,
    create_password_link,
    deactivate,
    edit,
    invite,
    reactivate,
    remove_role,
    require_active,
    require_change,
    set_role,
    set_system_role,
)

__all__ = [
    "InvitedPerson",
    "create",
    "create_password_link",
    "deactivate",
    "edit",
    "invite",
    "reactivate",
    "remove_role",
    "require_active",
    "require_change",
    "set_role",
    "set_system_role",
]
