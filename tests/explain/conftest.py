"""Committed rows, because the rules are evaluated on the call path's own connection."""

from tests.callpath.conftest import committed_rows, given

__all__ = ["committed_rows", "given"]
