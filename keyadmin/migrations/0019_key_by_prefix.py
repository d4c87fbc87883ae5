"""Find out quickly whether keys with a prefix exist."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0018_keys_in_texts")]

    operations = [
        migrations.AddIndex(model_name="key", index=models.Index(fields=["prefix"], name="key_by_prefix")),
    ]
