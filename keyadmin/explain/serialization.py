"""An explanation in JSON values, alike for every program that asks."""

from typing import Any

from keyadmin.explain.explanation import Explanation, Step
from keyadmin.explain.messages import TITLES


def document(explanation: Explanation) -> dict[str, Any]:
    key, call, reason = explanation.key, explanation.call, explanation.reason
    return {
        "allowed": reason is None,
        "status": explanation.status,
        "reason": reason.label if reason else "ok",
        "detail": reason.detail if reason else None,
        "decided_by": explanation.deciding.rule.value if explanation.deciding else None,
        "key": {"id": str(key.id), "key_id": key.key_id, "name": key.name},
        "call": {
            "method": call.method,
            "path": call.path,
            "address": call.address.text if call.address else None,
            "channel": call.channel,
            "on_behalf_of": call.on_behalf_of,
        },
        "rules": [_rule(step) for step in explanation.steps],
        "changes": [{"what": change.what.value, "detail": change.detail} for change in explanation.changes],
        "needs": sorted(explanation.needs),
        "rate_limit": {"limit": explanation.quota.limit, "remaining": explanation.quota.remaining},
    }


def _rule(step: Step) -> dict[str, Any]:
    return {
        "rule": step.rule.value,
        "title": str(TITLES[step.rule]),
        "state": step.state,
        "reason": step.reason.label if step.reason else None,
        "detail": step.detail,
    }
