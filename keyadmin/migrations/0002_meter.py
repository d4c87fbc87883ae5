"""Installs the meter's functions."""

from django.db import migrations

from keyadmin.migrations._sql import from_files


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0001_initial")]

    operations = [from_files("meter")]
