"""The registry of event types says which values an event may have."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0029_idempotency_record")]

    operations = [
        migrations.AlterField(model_name="event", name="verb", field=models.CharField(max_length=40)),
    ]
