"""What the models cannot express: storage settings, functions, and the triggers that protect history."""

from django.db import migrations

from keyadmin.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0001_initial")]

    operations = [
        *run("tables"),
        # The call path. A function comes after those that it calls.
        *run("meter_minute", "meter_used", "meter_to_ledger", "meter_close"),
        *run("meter_consume_slow", "meter_consume", "meter_consume_many"),
        # History: append-only, and searched by one index.
        *run("event_deny_change", "chain_head_require_advance", "triggers"),
        *run("event_terms", "event_search_index", "event_find"),
    ]
