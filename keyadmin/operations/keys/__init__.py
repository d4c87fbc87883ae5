"""Operations on API keys: issue, edit, regenerate, revoke, reactivate, delete; and end the grace period of a secret.

`lifecycle` has the operations on the key, `secrets` those on its secrets, and `expiry_notices` sends mails before keys
expire. `values` validates and saves the values of a key that can be chosen; `rows` locks keys and records their events.
Pages call the functions `require_…` before they show a form, because the operation may reject the state of the key.
"""

from keyadmin.operations.keys.lifecycle import (
    delete,
    edit,
    issue,
    reactivate,
    require_ended,
    require_revocable,
    revoke,
)
from keyadmin.operations.keys.secrets import IssuedKey, end_grace, regenerate, require_grace, require_regenerable
from keyadmin.operations.keys.values import default_days, default_expires_at, expiry_problem
from keyadmin.operations.validation import UNSET

__all__ = [
    "UNSET",
    "IssuedKey",
    "default_days",
    "default_expires_at",
    "delete",
    "edit",
    "end_grace",
    "expiry_problem",
    "issue",
    "reactivate",
    "regenerate",
    "require_ended",
    "require_grace",
    "require_regenerable",
    "require_revocable",
    "revoke",
]
