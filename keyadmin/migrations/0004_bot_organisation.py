"""Keeps a key's bot inside the key's organisation."""

from django.db import migrations

from keyadmin.migrations._sql import from_files


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0003_history")]

    operations = [from_files("bot_organisation")]
