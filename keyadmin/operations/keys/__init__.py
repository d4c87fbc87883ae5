"""Acts on API keys: issue, edit, regenerate, revoke, reactivate and delete."""

from keyadmin.operations.keys.lifecycle import delete, edit, issue, reactivate, revoke
from keyadmin.operations.keys.secrets import Issued, end_grace, regenerate
from keyadmin.operations.validation import UNSET

__all__ = ["UNSET", "Issued", "delete", "edit", "end_grace", "issue", "reactivate", "regenerate", "revoke"]
