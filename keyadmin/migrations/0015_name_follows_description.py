"""The name of a key may follow its description.

So do the names of those keys of bots whose name is their description, cut to 60 characters: they were taken from it.
"""

from typing import ClassVar

from django.db import migrations, models

TAKEN_NAMES = """
    UPDATE key SET name_follows_description = true
    FROM (SELECT id AS described_id, btrim(regexp_replace(description, '\\s+', ' ', 'g')) AS text FROM key) AS described
    WHERE described_id = key.id AND bot_id IS NOT NULL AND text <> ''
        AND name = CASE WHEN length(text) > 60 THEN left(text, 59) || '…' ELSE text END
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("keyadmin", "0014_page_token_sessions")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="key",
            name="name_follows_description",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RunSQL(TAKEN_NAMES, migrations.RunSQL.noop),
    ]
