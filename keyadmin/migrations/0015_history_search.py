"""An index over all that the filters of history ask for, and the walk through it."""

from django.db import migrations

from keyadmin.migrations._sql import from_files


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0014_chain_check")]

    operations = [from_files("history_search")]
