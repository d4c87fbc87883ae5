"""Really committed rows: the rules are asked over the call path's own connection."""

from tests.callpath.conftest import committed_rows, given

__all__ = ["committed_rows", "given"]
