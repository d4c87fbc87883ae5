"""The answer to a search for a whole key, in the frame of every page. A built-in of the template engine."""

from typing import Any

from django import template

from keyadmin.web.common import pasted_keys
from keyadmin.web.common.current_user import get_current_user

register = template.Library()


@register.inclusion_tag("_pasted_key.html", takes_context=True)
def pasted_key(context: Any) -> dict[str, Any]:
    """The key whose secret was removed from the search in the URL."""
    request = context["request"]
    if pasted_keys.PARAMETER not in request.GET or not request.user.is_authenticated:
        return {"pasted": None}
    return {"pasted": pasted_keys.find(request, get_current_user(request))}
