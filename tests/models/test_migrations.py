"""Migrations on main are never edited or renamed, because installations have applied them.

`migrations.sha256` lists the SHA-256 of every file. To add the files of a new migration, run in the project's folder:

    (cd keyadmin/migrations && find . -name '*.py' -o -name '*.sql' | LC_ALL=C sort | xargs sha256sum) \
        > tests/models/migrations.sha256
"""

from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from keyadmin import migrations
from keyadmin.checks import check_email_addresses
from keyadmin.models import IdempotencyRecord, Key, Organisation, Person, Scope, ScopeRoute, Version
from keyadmin.models.scope import OWN_SCOPES
from tests.factories import (
    BotFactory,
    ChannelFactory,
    KeyFactory,
    OrganisationFactory,
    PersonFactory,
    TierFactory,
)
from tests.owner import as_owner

FOLDER = Path(migrations.__path__[0])
NORMALISE = import_module("keyadmin.migrations.0005_email_normal_form").normalise_addresses
NORMALISE_NAMES = import_module("keyadmin.migrations.0009_names_normal_form").normalise_names
DIGEST_IDEMPOTENCY_KEYS = import_module("keyadmin.migrations.0011_idempotency_digests").DIGEST
NAMES_FROM_DESCRIPTIONS = import_module("keyadmin.migrations.0015_name_follows_description").TAKEN_NAMES
CATALOGUE = import_module("keyadmin.migrations.0016_messaging_catalogue")
VERIFY_SYSTEM_ROLES = import_module("keyadmin.migrations.0006_links").verify_system_roles
LIST = Path(__file__).with_name("migrations.sha256")


def current_hashes() -> dict[str, str]:
    files = (file for suffix in ("py", "sql") for file in FOLDER.rglob(f"*.{suffix}"))
    return {f"./{file.relative_to(FOLDER)}": sha256(file.read_bytes()).hexdigest() for file in files}


def test_migrations_on_main_are_unchanged() -> None:
    lines = (line.split() for line in LIST.read_text().splitlines())
    listed = {name: digest for digest, name in lines}
    current = current_hashes()
    changed = sorted(name for name, digest in listed.items() if current.get(name) != digest)
    assert not changed, (
        f"{changed} differ from tests/models/migrations.sha256. Restore them: a migration on main is never edited, "
        "renamed or deleted. Put the change into a new migration; a changed SQL function gets a new file."
    )
    unlisted = sorted(current.keys() - listed.keys())
    assert not unlisted, f"{unlisted} are new: add them to the list as the docstring of this module says."


def test_every_sql_file_is_installed_by_a_migration() -> None:
    text = "".join(file.read_text() for file in FOLDER.glob("[0-9]*.py"))
    assert all(f'"{file.stem}"' in text for file in (FOLDER / "sql").glob("*.sql"))


@contextmanager
def addresses_before_0005(*emails: str) -> Generator[None]:
    """A transaction, rolled back at the end, with a person for each address, as they could be before 0005."""
    with as_owner(), transaction.atomic():
        with connection.cursor() as cursor:
            for name in ("person_email_normal", "person_email_unique"):
                cursor.execute(f"ALTER TABLE person DROP CONSTRAINT {name}")
        for email in emails:
            Person.objects.create(name="Kim", email=email)
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "emails",
    [
        ("kim@example.com", "ｋim@example.com"),
        ("kim@bücher.example", "kim@xn--bcher-kva.example", "kim@BÜCHER.example"),
        ("jürgen@example.com",),
    ],
)
def test_addresses_without_a_normal_form_of_their_own_stop_the_migration(
    django_db_setup: None, django_db_blocker: Any, emails: tuple[str, ...]
) -> None:
    with django_db_blocker.unblock(), addresses_before_0005("fine@example.com", *emails):
        ids = Person.objects.filter(email__in=emails).values_list("id", flat=True)
        with (
            pytest.raises(RuntimeError, match="without a normal form") as stopped,
            connection.schema_editor() as editor,
        ):
            NORMALISE(apps, editor)
        assert all(str(id_) in str(stopped.value) for id_ in ids)
        assert "fine@" not in str(stopped.value)
        messages = " ".join(message.msg for message in check_email_addresses(None, databases=["default"]))
        assert all(email in messages for email in emails)
        assert "fine@" not in messages


def test_addresses_get_their_normal_form_by_the_migration(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), addresses_before_0005("kim@BÜCHER.example", "ｓam@example.com"):
        assert check_email_addresses(None, databases=["default"]) == []
        with connection.schema_editor() as editor:
            NORMALISE(apps, editor)
        assert set(Person.objects.filter(name="Kim").values_list("email", flat=True)) == {
            "kim@xn--bcher-kva.example",
            "sam@example.com",
        }


def test_people_with_a_system_role_count_as_verified_after_the_migration(db: None) -> None:
    """Others verify their address at their next sign-in."""
    administrator = PersonFactory.create(administrator=True, unverified=True)
    auditor, person = PersonFactory.create(auditor=True, unverified=True), PersonFactory.create(unverified=True)
    with connection.schema_editor() as editor:
        VERIFY_SYSTEM_ROLES(apps, editor)
    verified = Person.objects.exclude(email_verified_at=None)
    assert set(verified) == {administrator, auditor}
    assert Person.objects.get(id=person.id).home_organisation is None


def test_names_get_their_normal_form_by_the_migration(db: None) -> None:
    """Of bots, channels and tiers whose names become equal, each but the oldest gets a number."""
    organisation = OrganisationFactory.create(name="Cafe\u0301  Nord ")
    key = KeyFactory.create(organisation=organisation, name="Zu\u0308rich", description="two  blanks")
    names = ["Caf\u00e9", "Cafe\u0301", "Caf\u00e9 ", "Caf\u00e9 (2)"]
    bots = [BotFactory.create(organisation=organisation, name=name) for name in names]
    other = BotFactory.create(name="Cafe\u0301")
    tiers = [TierFactory.create(name=name) for name in (" Gold", "Gold")]
    channel = ChannelFactory.create(organisation=organisation, name="Web\u00a0 chat")
    with connection.schema_editor() as editor:
        NORMALISE_NAMES(apps, editor)
    for row in (organisation, key, other, channel, *bots, *tiers):
        row.refresh_from_db()
    assert (organisation.name, key.name, key.description) == ("Caf\u00e9 Nord", "Z\u00fcrich", "two blanks")
    assert [bot.name for bot in bots] == ["Caf\u00e9", "Caf\u00e9 (2)", "Caf\u00e9 (3)", "Caf\u00e9 (2) (2)"]
    assert (other.name, channel.name) == ("Caf\u00e9", "Web chat")
    assert {tier.name for tier in tiers} == {"Gold", "Gold (2)"}


def test_database_of_version_0_1_is_rejected_with_one_line(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), as_owner():
        recorder = MigrationRecorder(connection)
        recorder.record_applied("keyadmin", "0002_meter")
        try:
            with pytest.raises(CommandError, match=r"^This database was created by keyadmin 0\.1 .*[^\n]*$") as error:
                call_command("migrate", verbosity=0)
        finally:
            recorder.record_unapplied("keyadmin", "0002_meter")
    assert "Remove .local/ and run `make run` again" in str(error.value)
    assert "\n" not in str(error.value)


def test_stored_idempotency_keys_become_digests(db: None) -> None:
    record = IdempotencyRecord.objects.create(actor_id=uuid4(), idempotency_key="whm_a1b2c3é", result_id="x")
    with connection.cursor() as cursor:
        cursor.execute(DIGEST_IDEMPOTENCY_KEYS)
    record.refresh_from_db()
    assert record.idempotency_key == sha256("whm_a1b2c3é".encode()).hexdigest()


def test_names_of_bots_keys_that_are_their_description_follow_it(northwind: Organisation) -> None:
    bot, long = (
        BotFactory.create(organisation=northwind),
        "Synchronises contacts with HubSpot\nevery night, at three o’clock",
    )
    taken = [
        KeyFactory.create(bot=bot, name="CRM sync", description="CRM  sync"),
        KeyFactory.create(bot=bot, name=f"{' '.join(long.split())[:59]}…", description=long),
    ]
    typed = [
        KeyFactory.create(bot=bot, name="CRM sync", description="Nightly"),
        KeyFactory.create(organisation=northwind, name="CRM sync", description="CRM sync"),
        KeyFactory.create(bot=bot, name="x", description=""),
    ]
    with connection.cursor() as cursor:
        cursor.execute(NAMES_FROM_DESCRIPTIONS)
    assert set(Key.objects.filter(name_follows_description=True)) == set(taken)
    assert len(typed) == 3


def test_messaging_catalogue_is_completed(db: None) -> None:
    """Neither what operators edited nor the permission of a present call changes."""
    names = [values[0] for values in CATALOGUE.SCOPES]
    Scope.objects.filter(name__in=[name for name in names if name != "flows:manage"]).delete()
    Scope.objects.filter(name="flows:manage").update(label="Ours")
    ScopeRoute.objects.filter(scope__name__in=["flows:manage", "chats:write"]).delete()
    ScopeRoute.objects.create(scope_id="contacts:manage", method="PUT", pattern="/api/contacts/**")
    Scope.objects.filter(name="templates:read").update(label="Access templates")
    Scope.objects.filter(name="users:impersonate").update(label="Our label")
    KeyFactory.create()
    before = Version.objects.get(subject=CATALOGUE.CATALOGUE).number
    with connection.schema_editor() as editor:
        CATALOGUE.extend_catalogue(apps, editor)
    assert set(names) <= set(Scope.objects.values_list("name", flat=True))
    labels = dict(Scope.objects.values_list("name", "label"))
    assert (labels["flows:manage"], labels["users:impersonate"]) == ("Ours", "Our label")
    assert labels["templates:read"] == "Read templates"
    routes = {(r.scope_id, r.method, r.pattern) for r in ScopeRoute.objects.all()}
    assert ("contacts:assign", "DELETE", "/api/contacts/{contact}/assign") in routes
    assert ("contacts:assign", "PUT", "/api/contacts/{contact}/assign") not in routes
    assert ("chats:write", "POST", "/api/butler/messages") in routes
    assert not any(scope == "flows:manage" for scope, *_ in routes)
    assert Version.objects.get(subject=CATALOGUE.CATALOGUE).number == before + 1


def test_catalogue_of_its_own_stays_as_it_is(db: None) -> None:
    Scope.objects.exclude(name__in=OWN_SCOPES).delete()
    Scope.objects.create(name="reports:read", resource="R", label="L", explanation="E", ability="A")
    with connection.schema_editor() as editor:
        CATALOGUE.extend_catalogue(apps, editor)
    assert set(Scope.objects.exclude(name__in=OWN_SCOPES).values_list("name", flat=True)) == {"reports:read"}
