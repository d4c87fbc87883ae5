"""Email addresses are stored in their normal form: NFKC, case-folded, ASCII. See keyadmin/core/email_address.py.

The migration stops, changes nothing and names the people if two addresses become equal or one has no normal form.
`manage.py check --database default` lists them before.
"""

import unicodedata
from typing import Any

from django.db import migrations, models
from django.db.models.functions import Lower


def normal_form(address: str) -> str:
    """As in keyadmin.core.email_address at the time of this migration; "" if there is none."""
    text = unicodedata.normalize("NFKC", address.strip()).casefold()
    local_part, at, domain = text.rpartition("@")
    try:
        normal = f"{local_part}@{domain.encode('idna').decode('ascii').lower()}"
    except UnicodeError:
        return ""
    return normal if at and local_part and '"' not in local_part and local_part.isascii() else ""


def normalise_addresses(apps: Any, schema_editor: Any) -> None:
    people = apps.get_model("keyadmin", "Person").objects.using(schema_editor.connection.alias)
    normal = {
        (id_, email): normal_form(email) for id_, email in people.order_by("email", "id").values_list("id", "email")
    }
    counts: dict[str, int] = {}
    for form in normal.values():
        counts[form] = counts.get(form, 0) + 1
    if wrong := [f"{email} ({id_})" for (id_, email), form in normal.items() if not form or counts[form] > 1]:
        raise RuntimeError(
            "These people have an email address without a normal form, or one that equals another's: "
            f"{', '.join(wrong)}. Change their addresses with the previous release, then migrate again."
        )
    for (id_, email), form in normal.items():
        if form != email:
            people.filter(id=id_).update(email=form)


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0004_outbox")]

    operations = [
        migrations.AlterField(
            model_name="person",
            name="email",
            field=models.EmailField(max_length=254, verbose_name="email address"),
        ),
        migrations.RunPython(normalise_addresses),
        migrations.AddConstraint(
            model_name="person",
            constraint=models.CheckConstraint(
                condition=models.Q(email=Lower("email"), email__regex=r"^[!-?A-~]+@[!-?A-~]+$"),
                name="person_email_normal",
            ),
        ),
        migrations.RemoveConstraint(model_name="person", name="person_email_unique"),
        migrations.AddConstraint(
            model_name="person",
            constraint=models.UniqueConstraint(fields=("email",), name="person_email_unique"),
        ),
    ]
