"""The head of history cannot be set back, by whoever may update it."""

from django.db import migrations

from keyadmin.migrations._sql import from_files


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0023_expiry_notices")]

    operations = [from_files("chain_head")]
