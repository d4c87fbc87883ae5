"""History is found with fewer look-ups: larger parts, and one term for a word wherever it stands."""

from django.db import migrations

from keyadmin.migrations._sql import from_files


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0026_meter_of_key")]

    operations = [from_files("history_parts", remakes="history_search")]
