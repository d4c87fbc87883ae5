"""The review report has one more finding.

Findings of the built report are those of before until the next build.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keyadmin", "0016_messaging_catalogue"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="reviewfinding",
            name="review_finding_known",
        ),
        migrations.AlterField(
            model_name="reviewfinding",
            name="finding",
            field=models.CharField(
                choices=[
                    ("never-used", "Never used"),
                    ("unused", "Unused for 90 days"),
                    ("no-expiry", "No expiry"),
                    ("expiring", "Expiring soon"),
                    ("policy", "Outside the key policy"),
                    ("open", "Any IP address"),
                    ("no-address", "No usable IP address"),
                    ("full-access", "Full access"),
                    ("permissions", "Unused permissions"),
                    ("owner-gone", "Owner gone"),
                    ("key-in-text", "API key in a text"),
                    ("any", "any"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddConstraint(
            model_name="reviewfinding",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "finding__in",
                        [
                            "never-used",
                            "unused",
                            "no-expiry",
                            "expiring",
                            "policy",
                            "open",
                            "no-address",
                            "full-access",
                            "permissions",
                            "owner-gone",
                            "key-in-text",
                            "any",
                        ],
                    )
                ),
                name="review_finding_known",
            ),
        ),
    ]
