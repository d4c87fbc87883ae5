"""The explanation of a call: the result of every rule, the rule that decides, and what would allow the call.

Nothing is consumed, recorded or cached.
"""

from dataclasses import dataclass
from typing import Any

from django.db import OperationalError
from django.db.models import Count

from keyadmin.callpath.connection import DatabaseUnavailableError
from keyadmin.callpath.rules import Call
from keyadmin.callpath.state import state
from keyadmin.core.denials import ALLOWED, DenialReason, Quota
from keyadmin.core.endpoints import PERSON_ROUTE_TABLE
from keyadmin.core.errors import NotFoundError
from keyadmin.explain import messages, rules
from keyadmin.explain.context import ExplainContext
from keyadmin.explain.remedies import Remedy, remedies
from keyadmin.explain.rules import Rule, RuleResult
from keyadmin.models import Key, Scope
from keyadmin.models.scope import IMPERSONATE


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one rule: the reason to deny the call or None, the message, and the remedies.

    The call path stops at the first rule that denies the call, so later rules are not reached. Their reason and message
    are what they would be.
    """

    rule: Rule
    reason: DenialReason | None
    is_reached: bool
    message: str
    remedies: tuple[Remedy, ...]

    @property
    def decides(self) -> bool:
        """Whether the call is denied because of this rule."""
        return self.is_reached and self.reason is not None

    @property
    def state(self) -> str:
        """`pass`, `decides` or `not_reached`."""
        if not self.is_reached:
            return "not_reached"
        return "decides" if self.reason else "pass"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would happen to a call. A key needs one of the scopes `needs`; `quota` is as of before the call."""

    key: Key
    call: Call
    steps: tuple[Step, ...]
    needs: frozenset[str]
    quota: Quota

    @property
    def deciding(self) -> Step | None:
        """The rule that denies the call; None if the call is allowed."""
        return next((step for step in self.steps if step.decides), None)

    @property
    def reason(self) -> DenialReason | None:
        return self.deciding.reason if self.deciding else None

    @property
    def status(self) -> int:
        """The HTTP status of the response to the call."""
        return self.reason.status if self.reason else 200

    @property
    def remedies(self) -> list[Remedy]:
        """Everything that must change to allow the call, including what rules need that are not reached."""
        return [remedy for step in self.steps for remedy in step.remedies]

    def as_json(self) -> dict[str, Any]:
        """JSON values for the API and the command line. api/resources/explain.py describes the fields."""
        key, call, reason = self.key, self.call, self.reason
        return {
            "allowed": reason is None,
            "status": self.status,
            "reason": reason.label if reason else ALLOWED,
            "detail": reason.detail if reason else None,
            "decided_by": self.deciding.rule.value if self.deciding else None,
            "key": {"id": str(key.id), "key_id": key.key_id, "name": key.name},
            "call": {
                "method": call.method,
                "path": call.path,
                "address": call.address.text if call.address else None,
                "channel": call.channel,
                "on_behalf_of": call.on_behalf_of,
            },
            "rules": [
                {
                    "rule": step.rule.value,
                    "title": str(messages.TITLES[step.rule]),
                    "state": step.state,
                    "reason": step.reason.label if step.reason else None,
                    "detail": step.message,
                }
                for step in self.steps
            ],
            "remedies": [{"kind": remedy.kind.value, "detail": remedy.detail} for remedy in self.remedies],
            "needs": sorted(self.needs),
            "rate_limit": {"limit": self.quota.limit, "remaining": self.quota.remaining},
        }


def explain(key: Key, call: Call) -> Explanation:
    """Explain what would happen to the call. `key` must have been read with its organisation and bot.

    Raises NotFoundError if the key has been deleted since, and OperationalError if PostgreSQL does not answer before
    the deadline of a call.
    """
    state.database.start_call()
    try:
        loaded = rules.load(key.id)
        if loaded is None:
            raise NotFoundError
        match, results = rules.evaluate(loaded, call)
    except DatabaseUnavailableError as error:
        raise OperationalError("no answer before the deadline of a call") from error
    snapshot = loaded.snapshot
    scopes = snapshot.scopes | {IMPERSONATE} | (match.scopes if match else frozenset())
    with_breadth = Scope.objects.filter(name__in=scopes).annotate(breadth=Count("routes"))
    by_breadth = with_breadth.order_by("is_sensitive", "breadth", "position", "name")
    labels = dict(by_breadth.values_list("name", "label"))
    is_person_route = PERSON_ROUTE_TABLE.match(call.method, call.path) is not None
    context = ExplainContext(key, call, loaded, match, labels, is_person_route)
    quota = Quota(snapshot.key.limit, max(0, snapshot.key.limit - snapshot.used))
    needs = frozenset(name for name in match.scopes if name) if match else frozenset()
    return Explanation(key, call, _steps(context, results), needs, quota)


def _steps(context: ExplainContext, results: list[RuleResult]) -> tuple[Step, ...]:
    steps, is_reached = [], True
    for rule, reason in results:
        message = messages.message(context, rule, reason)
        steps.append(Step(rule, reason, is_reached, message, remedies(context, rule, reason)))
        is_reached = is_reached and reason is None
    return tuple(steps)
