"""Creates the cache's table, which all processes share."""

from typing import Any

from django.core.management import call_command
from django.db import migrations


def create(apps: Any, schema_editor: Any) -> None:
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0004_bot_organisation")]

    operations = [
        migrations.RunPython(create, migrations.RunPython.noop),
    ]
