"""Acts on organisations; their bots and IP allow-lists are modules of this package."""

from keyadmin.operations.organisations.lifecycle import create, disable, edit, enable

__all__ = ["create", "disable", "edit", "enable"]
