"""The number of statements of a decision: the budget of the documentation."""

from collections.abc import Callable

import pytest

from keyadmin.callpath.authorize import authorize
from keyadmin.callpath.rules import Call
from keyadmin.core import cidr, tokens
from keyadmin.core.callers import Caller
from keyadmin.core.denials import Denial, DenialReason
from tests.callpath.rows import Given, Made

CHATS = Call("GET", "/api/chats", cidr.address_of("192.0.2.1"))


@pytest.fixture
def counted(given: Given, statements: list[str]) -> Callable[[Made, Call], tuple[int, Caller | Denial]]:
    """A function that decides a call and returns the number of statements and the verdict. The routes are cached."""
    authorize(given.key().token, CHATS)

    def decide(made: Made, call: Call = CHATS) -> tuple[int, Caller | Denial]:
        statements.clear()
        verdict = authorize(made.token, call)
        return len(statements), verdict

    return decide


type Counted = Callable[..., tuple[int, Caller | Denial]]


def allowed(outcome: tuple[int, Caller | Denial]) -> int:
    assert isinstance(outcome[1], Caller), outcome
    return outcome[0]


def refused(outcome: tuple[int, Caller | Denial], reason: DenialReason) -> int:
    assert isinstance(outcome[1], Denial), outcome
    assert outcome[1].reason is reason
    return outcome[0]


def test_warm_call_runs_one_statement(given: Given, counted: Counted) -> None:
    made = given.key()
    allowed(counted(made))
    assert allowed(counted(made)) == 1


def test_first_call_of_a_minute_runs_one_statement(given: Given, counted: Counted) -> None:
    made = given.key()
    allowed(counted(made))
    for minutes in (1, 7, 61, 4000):
        given.execute("UPDATE meter SET minute = minute - %s WHERE key_id = %s", minutes, made.key.id)
        assert allowed(counted(made)) == 1


def test_first_call_runs_two_statements(given: Given, counted: Counted) -> None:
    assert allowed(counted(given.key())) == 2


def test_call_over_the_limit_runs_one_statement(given: Given, counted: Counted) -> None:
    made = given.key(limit=1)
    counted(made)
    for _ in range(2):
        assert refused(counted(made), DenialReason.LIMITED) == 1


@pytest.mark.parametrize("subject", ["key", "organisation"])
def test_stale_snapshot_runs_three_statements(given: Given, counted: Counted, subject: str) -> None:
    made = given.key()

    allowed(counted(made))
    if subject == "key":
        given.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", made.key.id)
    else:
        given.execute("UPDATE version SET number = number + 1 WHERE subject = %s", made.key.organisation_id)
    assert allowed(counted(made)) == 3


def test_changed_catalogue_is_loaded_once_for_all_keys(given: Given, counted: Counted) -> None:
    """The first call of the process needs one statement more for the routes; later calls do not."""
    first, second, third = given.key(), given.key(), given.key()

    for made in (first, second, third):
        allowed(counted(made))
    given.execute("UPDATE version SET number = number + 1 WHERE subject = '00000000-0000-0000-0000-000000000000'")
    assert [allowed(counted(made)) for made in (first, second, third, first, second)] == [4, 3, 3, 1, 1]


def test_denial_of_a_cached_key_reloads_it(given: Given, counted: Counted) -> None:
    made = given.key()
    allowed(counted(made))
    assert refused(counted(made, Call("POST", "/api/chats", None)), DenialReason.SCOPE) == 1
    given.execute("UPDATE key SET revoked_at = now() WHERE id = %s", made.key.id)
    given.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", made.key.id)
    assert refused(counted(made), DenialReason.REVOKED) == 2  # drawn in vain, loaded
    assert refused(counted(made), DenialReason.REVOKED) == 1


def test_cached_snapshot_never_denies(given: Given, counted: Counted) -> None:
    """The cached snapshot would deny what the database allows."""
    made = given.key(scopes=())
    refused(counted(made), DenialReason.SCOPE)
    given.execute("INSERT INTO key_scope (key_id, scope_id) VALUES (%s, 'chats:read')", made.key.id)
    given.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", made.key.id)
    allowed(counted(made))


def test_on_behalf_of_runs_one_more_statement(given: Given, counted: Counted) -> None:
    made = given.key(kind="master", scopes=("chats:read", "users:impersonate"))
    person = given.person(made.key.organisation)
    allowed(counted(made))
    assert allowed(counted(made, Call("GET", "/api/chats", None, on_behalf_of=person.email))) == 2


def test_redigest_runs_one_more_statement_once(given: Given, counted: Counted) -> None:
    made = given.key(pepper=1)
    assert [allowed(counted(made)) for _ in range(2)] == [3, 1]  # loaded, re-digested, drawn


def test_unknown_key_runs_one_statement(given: Given, counted: Counted) -> None:
    made = given.key()
    unknown = Made(made.key, tokens.mint("kad"))
    assert refused(counted(unknown), DenialReason.UNPROVEN) == 1
    assert refused(counted(unknown), DenialReason.UNPROVEN) == 1
    compact = Made(made.key, tokens.mint("whm", tokens.Format.COMPACT))
    assert refused(counted(compact), DenialReason.UNPROVEN) == 1
