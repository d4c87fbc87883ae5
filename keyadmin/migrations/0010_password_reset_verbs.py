"""What history says of a password that is reset by mail."""

from django.db import migrations, models

from keyadmin.models import EventType


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0009_shapes")]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="verb",
            field=models.CharField(choices=EventType.choices, max_length=40),
        ),
    ]
