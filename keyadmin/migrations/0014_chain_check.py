"""When the chain of history was last walked, and how far it is whole."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keyadmin", "0013_token_sessions"),
    ]

    operations = [
        migrations.CreateModel(
            name="ChainCheck",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("number", models.BigIntegerField()),
                ("problem", models.CharField(blank=True, default="", max_length=200)),
            ],
            options={
                "db_table": "chain_check",
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="chain_check_single")],
            },
        ),
    ]
