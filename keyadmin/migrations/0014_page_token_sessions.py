"""Access tokens that a page gets end with the session of the page."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keyadmin", "0013_notes"),
    ]

    operations = [
        migrations.AddField(
            model_name="tokensession",
            name="page_session",
            field=models.CharField(blank=True, default="", max_length=40),
        ),
    ]
