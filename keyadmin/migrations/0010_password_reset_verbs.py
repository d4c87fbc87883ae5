"""What history says of a password that is reset by mail."""

from django.db import migrations, models

from keyadmin.models import Verb


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0009_shapes")]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="verb",
            field=models.CharField(choices=Verb.choices, max_length=40),
        ),
    ]
