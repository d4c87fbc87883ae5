"""The number of statements of a decision: the budget of the documentation."""

from collections.abc import Callable

import pytest

from keyadmin.callpath.authorize import authorize
from keyadmin.callpath.rules import Call
from keyadmin.core import cidr, tokens
from keyadmin.core.callers import Caller
from keyadmin.core.denials import Denial, DenialReason
from tests.fixtures.committed_rows import CommittedRows, CreatedKey

CHATS = Call("GET", "/api/chats", cidr.address_of("192.0.2.1"))


@pytest.fixture
def counted(rows: CommittedRows, statements: list[str]) -> Callable[[CreatedKey, Call], tuple[int, Caller | Denial]]:
    """A function that decides a call and returns the number of statements and the verdict. The routes are cached."""
    authorize(rows.key().token, CHATS)

    def decide(created: CreatedKey, call: Call = CHATS) -> tuple[int, Caller | Denial]:
        statements.clear()
        verdict = authorize(created.token, call)
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


def test_warm_call_runs_one_statement(rows: CommittedRows, counted: Counted) -> None:
    created = rows.key()
    allowed(counted(created))
    assert allowed(counted(created)) == 1


def test_first_call_of_a_minute_runs_one_statement(rows: CommittedRows, counted: Counted) -> None:
    created = rows.key()
    allowed(counted(created))
    for minutes in (1, 7, 61, 4000):
        rows.execute("UPDATE meter SET minute = minute - %s WHERE key_id = %s", minutes, created.key.id)
        assert allowed(counted(created)) == 1


def test_first_call_runs_two_statements(rows: CommittedRows, counted: Counted) -> None:
    assert allowed(counted(rows.key())) == 2


def test_call_over_the_limit_runs_one_statement(rows: CommittedRows, counted: Counted) -> None:
    created = rows.key(limit=1)
    counted(created)
    for _ in range(2):
        assert refused(counted(created), DenialReason.LIMITED) == 1


@pytest.mark.parametrize("subject", ["key", "organisation"])
def test_stale_snapshot_runs_three_statements(rows: CommittedRows, counted: Counted, subject: str) -> None:
    created = rows.key()

    allowed(counted(created))
    if subject == "key":
        rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", created.key.id)
    else:
        rows.execute("UPDATE version SET number = number + 1 WHERE subject = %s", created.key.organisation_id)
    assert allowed(counted(created)) == 3


def test_changed_catalogue_is_loaded_once_for_all_keys(rows: CommittedRows, counted: Counted) -> None:
    """The first call of the process needs one statement more for the routes; later calls do not."""
    first, second, third = rows.key(), rows.key(), rows.key()

    for created in (first, second, third):
        allowed(counted(created))
    rows.execute("UPDATE version SET number = number + 1 WHERE subject = '00000000-0000-0000-0000-000000000000'")
    assert [allowed(counted(created)) for created in (first, second, third, first, second)] == [4, 3, 3, 1, 1]


def test_denial_of_a_cached_key_reloads_it(rows: CommittedRows, counted: Counted) -> None:
    created = rows.key()
    allowed(counted(created))
    assert refused(counted(created, Call("POST", "/api/chats", None)), DenialReason.SCOPE) == 1
    rows.execute("UPDATE key SET revoked_at = now() WHERE id = %s", created.key.id)
    rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", created.key.id)
    assert refused(counted(created), DenialReason.REVOKED) == 2  # drawn in vain, loaded
    assert refused(counted(created), DenialReason.REVOKED) == 1


def test_cached_snapshot_never_denies(rows: CommittedRows, counted: Counted) -> None:
    """The cached snapshot would deny what the database allows."""
    created = rows.key(scopes=())
    refused(counted(created), DenialReason.SCOPE)
    rows.execute("INSERT INTO key_scope (key_id, scope_id) VALUES (%s, 'chats:read')", created.key.id)
    rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", created.key.id)
    allowed(counted(created))


def test_on_behalf_of_runs_one_more_statement(rows: CommittedRows, counted: Counted) -> None:
    created = rows.key(kind="master", scopes=("chats:read", "users:impersonate"))
    person = rows.person(created.key.organisation)
    allowed(counted(created))
    assert allowed(counted(created, Call("GET", "/api/chats", None, on_behalf_of=person.email))) == 2


def test_redigest_runs_one_more_statement_once(rows: CommittedRows, counted: Counted) -> None:
    created = rows.key(pepper=1)
    assert [allowed(counted(created)) for _ in range(2)] == [3, 1]  # loaded, re-digested, drawn


def test_unknown_key_runs_one_statement(rows: CommittedRows, counted: Counted) -> None:
    created = rows.key()
    unknown = CreatedKey(created.key, tokens.mint("kad"))
    assert refused(counted(unknown), DenialReason.INVALID_CREDENTIAL) == 1
    assert refused(counted(unknown), DenialReason.INVALID_CREDENTIAL) == 1
    compact = CreatedKey(created.key, tokens.mint("whm", tokens.KeyFormat.COMPACT))
    assert refused(counted(compact), DenialReason.INVALID_CREDENTIAL) == 1
