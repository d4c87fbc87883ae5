"""Operations on API keys: issue, edit, regenerate, revoke, reactivate and delete.

`lifecycle` has the operations, `secrets` those that replace or end a secret. `values` validates and saves what can be
chosen about a key; `rows` locks keys and records their events.
"""

from keyadmin.operations.keys.lifecycle import delete, edit, issue, reactivate, revoke
from keyadmin.operations.keys.secrets import IssuedKey, end_grace, regenerate
from keyadmin.operations.validation import UNSET

__all__ = ["UNSET", "IssuedKey", "delete", "edit", "end_grace", "issue", "reactivate", "regenerate", "revoke"]
