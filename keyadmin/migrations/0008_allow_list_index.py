"""An index for the question which networks hold an address."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0007_person_links_and_sessions")]

    operations = [
        migrations.AddIndex(
            model_name="allowlistentry",
            index=django.contrib.postgres.indexes.GistIndex(
                fields=["network"], name="allow_list_network", opclasses=["inet_ops"]
            ),
        ),
    ]
