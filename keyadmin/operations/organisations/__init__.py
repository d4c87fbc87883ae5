"""Operations on organisations. `bots` and `allow_lists` have those on bots and IP allow-lists.

`owners` locks organisations and bots, for all operations on what they own.
"""

from keyadmin.operations.organisations.lifecycle import create, disable, edit, enable, require_state_change

__all__ = ["create", "disable", "edit", "enable", "require_state_change"]
