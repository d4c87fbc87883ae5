"""A draw is one statement, whatever comes of it, and so are the draws of many keys."""

from django.db import migrations

from keyadmin.migrations._sql import from_files


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0017_review")]

    operations = [from_files("draw")]
