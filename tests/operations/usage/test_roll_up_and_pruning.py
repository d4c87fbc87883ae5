"""Roll-up of usage, which counts every call once, and pruning."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError
from keyadmin.models import (
    AddressDay,
    Bot,
    CallOutcome,
    EventType,
    Key,
    KeyDay,
    Meter,
    Organisation,
    ScopeDay,
    UsageDay,
    UsageHour,
    UsageRollUp,
)
from keyadmin.models.meter import CATALOGUE, CELLS
from keyadmin.models.usage_sums import INSTALLATION, KeySubset
from keyadmin.operations import keys
from keyadmin.operations.usage import pruning, roll_up
from tests.factories import OPERATOR, BotFactory, KeyFactory, as_actor, member_of
from tests.operations.helpers import latest_event

TODAY = timezone.now().astimezone(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)


def at(day: date, hour: int = 0) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=UTC)


def use(key: Key, when: datetime, count: int, outcome: CallOutcome = CallOutcome.OK) -> None:
    UsageHour.objects.create(key_id=key.id, hour=when, outcome=outcome, count=count)


def leave_in_meter(key: Key, when: datetime, count: int) -> None:
    """Calls of a minute that the key's next call hands over to the ledger."""
    minute = int(when.timestamp()) // 60
    cells = [count] + [0] * (CELLS - 1)
    Meter.objects.filter(key_id=key.id).update(minute=minute, cells=cells, used=count, last_used_day=when.date())


def call_again(key: Key) -> None:
    """The key's next call: the meter hands its minute over, and counts one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (meter_consume_slow(%s, 1, mine.subject, mine.number, whole.number, NULL, 999999, 1, '10.0.0.1'))"
            ".outcome"
            " FROM version AS mine, version AS whole WHERE mine.subject = %s AND whole.subject = %s",
            [key.id, key.organisation_id, CATALOGUE],
        )
        assert cursor.fetchone() == ("consumed",)


def day_of(subject: Any, day: date = YESTERDAY, key_subset: KeySubset = KeySubset.ALL) -> dict[str, int]:
    """By outcome."""
    rows = UsageDay.objects.filter(subject=getattr(subject, "id", subject), day=day, key_subset=key_subset)
    return dict(rows.values_list("outcome", "count"))


def state() -> UsageRollUp:
    found = UsageRollUp.objects.first()
    assert found
    return found


@pytest.fixture
def bot(northwind: Organisation) -> Bot:
    made: Bot = BotFactory.create(organisation=northwind, name="Concierge")
    return made


@pytest.fixture
def calls(northwind: Organisation, contoso: Organisation, bot: Bot) -> dict[str, Key]:
    made: dict[str, Key] = {
        "robot": KeyFactory.create(bot=bot),
        "plain": KeyFactory.create(organisation=northwind),
        "theirs": KeyFactory.create(organisation=contoso),
    }
    use(made["robot"], at(YESTERDAY, 0), 1)
    use(made["robot"], at(YESTERDAY, 23), 10)
    use(made["robot"], at(YESTERDAY, 23), 100, CallOutcome.LIMITED)
    leave_in_meter(made["robot"], at(YESTERDAY, 12), 1_000)
    use(made["plain"], at(YESTERDAY, 5), 10_000)
    use(made["theirs"], at(YESTERDAY, 5), 100_000, CallOutcome.SCOPE)
    return made


ALL = {"ok": 11_011, "limited": 100, "scope": 100_000}


def sums_hold(northwind: Organisation, contoso: Organisation, bot: Bot) -> None:
    assert day_of(INSTALLATION) == ALL
    assert day_of(INSTALLATION, key_subset=KeySubset.OWN) == {"ok": 10_000, "scope": 100_000}
    assert day_of(northwind) == {"ok": 11_011, "limited": 100}
    assert day_of(northwind, key_subset=KeySubset.OWN) == {"ok": 10_000}
    assert day_of(contoso) == day_of(contoso, key_subset=KeySubset.OWN) == {"scope": 100_000}
    assert day_of(bot) == {"ok": 1_011, "limited": 100}
    assert day_of(bot, key_subset=KeySubset.OWN) == {}


def test_calls_are_summed_by_key_bot_organisation_and_installation(
    calls: dict[str, Key], northwind: Organisation, contoso: Organisation, bot: Bot
) -> None:
    roll_up.roll_up()
    sums_hold(northwind, contoso, bot)
    by_key = {row.key_id: (row.allowed, row.denied) for row in KeyDay.objects.filter(day=YESTERDAY)}
    assert by_key == {
        calls["robot"].id: (1_011, 100),
        calls["plain"].id: (10_000, 0),
        calls["theirs"].id: (0, 100_000),
    }
    assert state().days_until == at(TODAY)
    assert at(TODAY) <= state().hours_until <= timezone.now()


def test_second_run_adds_nothing_although_meters_were_emptied(
    calls: dict[str, Key], northwind: Organisation, contoso: Organisation, bot: Bot
) -> None:
    roll_up.roll_up()
    call_again(calls["robot"])
    assert UsageHour.objects.get(key_id=calls["robot"].id, hour=at(YESTERDAY, 12)).count == 1_000
    roll_up.roll_up()
    sums_hold(northwind, contoso, bot)
    roll_up.roll_up(again_from=YESTERDAY)
    sums_hold(northwind, contoso, bot)
    assert KeyDay.objects.get(key_id=calls["robot"].id).allowed == 1_011


def test_calls_of_a_deleted_key_stay_with_its_organisation_and_bot(
    calls: dict[str, Key], northwind: Organisation, contoso: Organisation, bot: Bot
) -> None:
    keys.delete(actor=OPERATOR, key=calls["robot"].id)
    roll_up.roll_up()
    sums_hold(northwind, contoso, bot)
    keys.delete(actor=OPERATOR, key=calls["plain"].id)
    assert not KeyDay.objects.exclude(key_id=calls["theirs"].id).exists()
    UsageHour.objects.create(key_id=INSTALLATION, hour=at(YESTERDAY), outcome=CallOutcome.OK, count=5)
    roll_up.roll_up(again_from=YESTERDAY)
    assert day_of(INSTALLATION) == ALL | {"ok": 11_016}, "the owner of these calls is not known"
    assert day_of(northwind) == {"ok": 11_011, "limited": 100}


def test_unfinished_hours_are_not_summed(northwind: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    key = KeyFactory.create(organisation=northwind)
    use(key, at(YESTERDAY, 5), 1)
    use(key, at(YESTERDAY, 6), 10)
    clock: Callable[[datetime], None] = lambda moment: monkeypatch.setattr(roll_up, "database_time", lambda: moment)  # noqa: E731
    clock(at(YESTERDAY, 6) + timedelta(seconds=59))
    roll_up.roll_up()
    assert (day_of(northwind), state().hours_until) == ({}, at(YESTERDAY, 5)), "a minute's grace"
    clock(at(YESTERDAY, 6) + timedelta(seconds=61))
    roll_up.roll_up()
    assert (day_of(northwind), state().hours_until) == ({"ok": 1}, at(YESTERDAY, 6))
    assert not KeyDay.objects.exists()
    clock(at(YESTERDAY, 7) + roll_up.HOUR_END_DELAY)
    roll_up.roll_up()
    assert day_of(northwind) == {"ok": 11}


def test_interrupted_run_is_completed_by_the_next(
    calls: dict[str, Key], northwind: Organisation, contoso: Organisation, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(calls["plain"], at(YESTERDAY - timedelta(days=1), 5), 1)
    add, days = roll_up._add_hours, []

    def fail(state: UsageRollUp, until: datetime) -> None:
        days.append(state.hours_until)
        if len(days) == 2:
            raise OSError("the disk is full")
        add(state, until)

    monkeypatch.setattr(roll_up, "_add_hours", fail)
    with pytest.raises(OSError, match="full"):
        roll_up.roll_up()
    assert state().hours_until == days[-1] > days[0]
    roll_up.roll_up()
    sums_hold(northwind, contoso, bot)


def test_long_gap_without_calls_is_skipped(northwind: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    key = KeyFactory.create(organisation=northwind)
    ages = (900, 60, 1)
    use(key, at(TODAY - timedelta(days=900), 3), 1)
    leave_in_meter(key, at(TODAY - timedelta(days=60), 4), 10)
    use(key, at(YESTERDAY, 5), 100)
    add, days = roll_up._add_hours, []

    def record(state: UsageRollUp, until: datetime) -> None:
        days.append(state.hours_until)
        add(state, until)

    monkeypatch.setattr(roll_up, "_add_hours", record)
    roll_up.roll_up()
    assert [day_of(northwind, TODAY - timedelta(days=age)) for age in ages] == [{"ok": 1}, {"ok": 10}, {"ok": 100}]
    assert len(days) < 5


def test_run_without_any_calls_succeeds(db: None) -> None:
    assert roll_up.roll_up().hours_until <= timezone.now()
    assert not UsageDay.objects.exists()


@pytest.mark.parametrize("lock", ["roll_up", "pruning"])
def test_second_process_gets_a_conflict(db: None, lock: str) -> None:
    jobs: dict[str, tuple[int, Callable[[], Any]]] = {
        "roll_up": (roll_up.ROLL_UP_LOCK_ID, roll_up.roll_up),
        "pruning": (pruning.PRUNING_LOCK_ID, lambda: pruning.prune(actor=OPERATOR)),
    }
    number, run = jobs[lock]
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [number])
        with pytest.raises(ConflictError, match="already"):
            run()
        other.execute("SELECT pg_advisory_unlock(%s)", [number])


def test_pruned_days_are_not_summed_again(northwind: Organisation) -> None:
    roll_up.roll_up()
    Organisation.objects.update(usage_retention_days=90)
    with pytest.raises(InvalidInputError, match="deleted"):
        roll_up.roll_up(again_from=TODAY - timedelta(days=90))
    roll_up.roll_up(again_from=TODAY - timedelta(days=88))


def test_old_usage_is_deleted_by_each_organisations_retention(
    northwind: Organisation, contoso: Organisation, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH_SIZE", 2)
    Organisation.objects.filter(id=northwind.id).update(usage_retention_days=100)
    robot, theirs = KeyFactory.create(bot=bot), KeyFactory.create(organisation=contoso)
    for age in (0, 100, 101, 400, 401):
        day = TODAY - timedelta(days=age)
        for key in (robot.id, theirs.id, INSTALLATION):
            UsageHour.objects.create(key_id=key, hour=at(day, 3), outcome=CallOutcome.OK, count=1)
            ScopeDay.objects.create(key_id=key, day=day, scope="chats:read", count=1)
            AddressDay.objects.create(key_id=key, day=day, address="10.0.0.1", count=1, weight=1)
            KeyDay.objects.create(key_id=key, day=day, allowed=1, denied=0)
        for subject in (northwind.id, bot.id, contoso.id, INSTALLATION):
            UsageDay.objects.create(subject=subject, key_subset=KeySubset.ALL, day=day, outcome=CallOutcome.OK, count=1)
    removed = pruning.prune(actor=OPERATOR)
    assert removed == {"usage_hour": 5, "scope_day": 5, "address_day": 5, "key_day": 5, "usage_day": 8}
    ages = {robot.id: {0, 100}, theirs.id: {0, 100, 101, 400}, INSTALLATION: {0, 100, 101, 400}}
    for model, column in ((UsageHour, "hour__date"), (ScopeDay, "day"), (AddressDay, "day"), (KeyDay, "day")):
        for key, kept in ages.items():
            days = model.objects.filter(key_id=key).values_list(column, flat=True)
            assert {(TODAY - day).days for day in days} == kept, (model, key)
    subjects = {northwind.id: 2, bot.id: 2, contoso.id: 4, INSTALLATION: 4}
    for subject, rows in subjects.items():
        assert UsageDay.objects.filter(subject=subject).aggregate(rows=Sum("count"))["rows"] == rows
    event = latest_event()
    assert (event.type, event.target_label) == (EventType.USAGE_PRUNED, "Usage")
    assert event.changes == {"since": [str(TODAY - timedelta(days=401)), str(TODAY - timedelta(days=100))]}
    assert pruning.prune(actor=OPERATOR) == {}
    assert latest_event().number == event.number, "nothing was removed, so nothing is told"


def test_prune_without_permission_deletes_nothing(northwind: Organisation) -> None:
    use(KeyFactory.create(organisation=northwind), at(TODAY - timedelta(days=900)), 1)
    with pytest.raises(ForbiddenError):
        pruning.prune(actor=as_actor(member_of(northwind, "owner")))
    assert UsageHour.objects.count() == 1
