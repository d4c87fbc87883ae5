"""A clock that is set back by a minute or two is noticed too, and a full key waits one window at most."""

from django.db import migrations

from keyadmin.migrations._sql import from_files


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0011_outcomes")]

    operations = [from_files("settle")]
