"""Operations on API keys: issue, edit, regenerate, revoke, reactivate and delete.

`lifecycle` has the operations, `secrets` those that replace or end a secret. `values` validates and saves what can be
chosen about a key; `rows` locks keys and records their events. A page calls `require_…` before it shows the form of an
operation that the key's present state would reject.
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
from keyadmin.operations.validation import UNSET

__all__ = [
    "UNSET",
    "IssuedKey",
    "delete",
    "edit",
    "end_grace",
    "issue",
    "reactivate",
    "regenerate",
    "require_ended",
    "require_grace",
    "require_regenerable",
    "require_revocable",
    "revoke",
]
