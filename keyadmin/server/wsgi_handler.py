"""Django's WSGI handler, for requests with any Content-Type.

Django parses this header before its middleware runs, and then decodes the query by its charset. An error in the header,
or a charset that is no encoding of text, would be an unhandled exception.
"""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters


class Utf8Request(WSGIRequest):
    """A request of unknown bytes if its Content-Type cannot be parsed. RequestMiddleware refuses other charsets."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (TypeError, ValueError):  # Python's parser raises TypeError for some headers
            self.content_type, self.content_params = "application/octet-stream", {}


class Handler(WSGIHandler):
    request_class = Utf8Request
