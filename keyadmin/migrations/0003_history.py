"""Makes history append-only and starts its chain."""

from django.db import migrations

from keyadmin.migrations._sql import from_files


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0002_meter")]

    operations = [from_files("history")]
