"""The explanation of a call: what every rule says of it, which one decides, and what would have to change.

Nothing is drawn, counted or written, and no snapshot is cached.
"""

from dataclasses import dataclass

from django.db import OperationalError

from keyadmin.callpath.authorize import Call
from keyadmin.callpath.connection import DatabaseUnavailableError, start_call
from keyadmin.core.denials import DenialReason, Quota
from keyadmin.core.endpoints import PEOPLES
from keyadmin.core.errors import NotFoundError
from keyadmin.explain import messages, rules
from keyadmin.explain.context import Facts
from keyadmin.explain.remedies import Change, changes
from keyadmin.explain.rules import Rule
from keyadmin.models import Key, Scope
from keyadmin.models.scope import IMPERSONATE


@dataclass(frozen=True, slots=True)
class Step:
    """What a rule says, in words; `reason` is why it refuses, and `changes` what would make it let the call pass.

    A rule that is not reached says what it would.
    """

    rule: Rule
    reason: DenialReason | None
    is_reached: bool
    detail: str
    changes: tuple[Change, ...]

    @property
    def decides(self) -> bool:
        return self.is_reached and self.reason is not None

    @property
    def state(self) -> str:
        """pass, decides or not_reached"""
        if not self.is_reached:
            return "not_reached"
        return "decides" if self.reason else "pass"


@dataclass(frozen=True, slots=True)
class Explanation:
    """`needs`: scopes of which any opens the call. `quota`: before the call."""

    key: Key
    call: Call
    steps: tuple[Step, ...]
    needs: frozenset[str]
    quota: Quota

    @property
    def deciding(self) -> Step | None:
        """The rule that refuses the call; None where all let it pass."""
        return next((step for step in self.steps if step.decides), None)

    @property
    def reason(self) -> DenialReason | None:
        return self.deciding.reason if self.deciding else None

    @property
    def status(self) -> int:
        """Of the answer that the call would get."""
        return self.reason.status if self.reason else 200

    @property
    def changes(self) -> list[Change]:
        """All that would have to change, also for rules that are not reached."""
        return [change for step in self.steps for change in step.changes]


def explain(key: Key, call: Call) -> Explanation:
    """The key comes with its organisation and bot. Raises NotFound if it is gone since; OperationalError if PostgreSQL
    does not answer in the time that a call has.
    """
    start_call()
    try:
        loaded = rules.load(key.id)
        if loaded is None:
            raise NotFoundError
        match, sayings = rules.ask(loaded, call)
    except DatabaseUnavailableError as error:
        raise OperationalError("no answer within the deadline of a call") from error
    names = loaded.snapshot.scopes | {IMPERSONATE} | (match.scopes if match else frozenset())
    labels = dict(Scope.objects.filter(name__in=names).values_list("name", "label"))
    facts = Facts(key, call, loaded, match, labels, PEOPLES.match(call.method, call.path) is not None)
    snapshot = loaded.snapshot
    quota = Quota(snapshot.key.limit, max(0, snapshot.key.limit - snapshot.used))
    needs = frozenset(name for name in match.scopes if name) if match else frozenset()
    return Explanation(key, call, _steps(facts, sayings), needs, quota)


def _steps(facts: Facts, sayings: list[rules.Saying]) -> tuple[Step, ...]:
    steps, is_reached = [], True
    for rule, reason in sayings:
        wanted = tuple(changes(facts, rule, reason)) if reason else ()
        steps.append(Step(rule, reason, is_reached, messages.detail(facts, rule, reason), wanted))
        is_reached = is_reached and reason is None
    return tuple(steps)
