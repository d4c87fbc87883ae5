"""Links to choose a password, sessions that end everywhere, and times in the reader's zone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keyadmin", "0006_catalogue"),
    ]

    operations = [
        migrations.AddField(
            model_name="person",
            name="links_made",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="person",
            name="sessions_ended",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="person",
            name="time_zone",
            field=models.CharField(blank=True, default="", max_length=64),
        ),
        migrations.AlterField(
            model_name="event",
            name="verb",
            field=models.CharField(
                choices=[
                    ("organisation.created", "Organisation created"),
                    ("organisation.edited", "Organisation changed"),
                    ("organisation.disabled", "Organisation disabled"),
                    ("organisation.enabled", "Organisation enabled"),
                    ("person.created", "Person added"),
                    ("person.invited", "Person invited"),
                    ("person.link_made", "Password link made"),
                    ("person.password_chosen", "Password chosen"),
                    ("person.password_changed", "Password changed"),
                    ("person.edited", "Person changed"),
                    ("person.deactivated", "Person deactivated"),
                    ("person.reactivated", "Person reactivated"),
                    ("person.system_role_changed", "System role changed"),
                    ("person.role_changed", "Role changed"),
                    ("person.role_removed", "Role removed"),
                    ("bot.created", "Bot created"),
                    ("bot.edited", "Bot changed"),
                    ("bot.disabled", "Bot disabled"),
                    ("bot.enabled", "Bot enabled"),
                    ("key.issued", "Key created"),
                    ("key.edited", "Key changed"),
                    ("key.regenerated", "Secret regenerated"),
                    ("key.revoked", "Key revoked"),
                    ("key.reactivated", "Key reactivated"),
                    ("key.deleted", "Key deleted"),
                    ("key.grace_ended", "Old secret ended"),
                    ("allow_list.added", "IP range added"),
                    ("allow_list.changed", "IP range changed"),
                    ("allow_list.removed", "IP range removed"),
                    ("channel.created", "Channel created"),
                    ("channel.renamed", "Channel renamed"),
                    ("channel.removed", "Channel removed"),
                    ("tier.created", "Tier created"),
                    ("tier.edited", "Tier changed"),
                    ("tier.removed", "Tier removed"),
                    ("scope.created", "Permission created"),
                    ("scope.edited", "Permission changed"),
                    ("scope.removed", "Permission removed"),
                    ("session.signed_in", "Signed in"),
                    ("session.sign_in_failed", "Sign-in failed"),
                    ("session.signed_out", "Signed out"),
                    ("session.signed_out_everywhere", "Signed out everywhere"),
                ],
                max_length=40,
            ),
        ),
    ]
