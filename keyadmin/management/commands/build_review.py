"""build_review: prepare the review report for who has too many keys to find it while they wait."""

from argparse import Namespace

from keyadmin.core.time import rfc3339
from keyadmin.management.base import OperatorCommand, clock
from keyadmin.models import ReviewFinding
from keyadmin.models.review import ANY
from keyadmin.operations import review


class Command(OperatorCommand):
    help = "Build the review report that the pages of more than 1,000 keys show. Run it regularly."

    def run(self, options: Namespace) -> None:
        build = review.build()
        found = ReviewFinding.objects.of(ANY).count()
        if self.json:
            self.document({"at": rfc3339(build.at), "event": build.event, "keys": found})
        else:
            self.result(f"Built as of {clock(build.at, '')} UTC: {found} keys have something to look at.")
