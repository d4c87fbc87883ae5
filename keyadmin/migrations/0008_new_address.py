"""Links with which a person gets a new email address."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keyadmin", "0007_attempts"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="passwordlink",
            name="password_link_purpose",
        ),
        migrations.AddField(
            model_name="passwordlink",
            name="email",
            field=models.EmailField(blank=True, default="", max_length=254),
        ),
        migrations.AlterField(
            model_name="passwordlink",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("given", "Made by an administrator"),
                    ("reset", "Requested on the sign-in page"),
                    ("confirmation", "To verify the address"),
                    ("address", "To change the address"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="passwordlink",
            constraint=models.CheckConstraint(
                condition=models.Q(("purpose__in", ["given", "reset", "confirmation", "address"])),
                name="password_link_purpose",
            ),
        ),
        migrations.AddConstraint(
            model_name="passwordlink",
            constraint=models.CheckConstraint(
                condition=models.Q(("purpose", "address"), ("email", ""), _connector="XOR"), name="password_link_email"
            ),
        ),
    ]
