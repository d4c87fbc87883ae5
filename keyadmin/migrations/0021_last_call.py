"""What was called when a key was last used from an address, and when it was last refused."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0019_repeats_and_revisions")]

    operations = [
        migrations.AddField("addressday", "call", models.CharField(db_default="", default="", max_length=200)),
        migrations.AddField("lastdenial", "call", models.CharField(db_default="", default="", max_length=200)),
    ]
