"""build_review: compute and store the review report, for pages with too many keys to compute it on request."""

from argparse import Namespace

from keyadmin.core.time import rfc3339
from keyadmin.management.base import OperatorCommand, clock
from keyadmin.models import ReviewFinding
from keyadmin.models.review import ANY
from keyadmin.operations import review


class Command(OperatorCommand):
    help = "Build the review report that the pages show if there are more than 1,000 keys."

    def run(self, options: Namespace) -> None:
        build = review.build()
        count = ReviewFinding.objects.of(ANY).count()
        if self.json:
            self.document({"at": rfc3339(build.at), "event": build.event, "keys": count})
        else:
            self.result(f"Built as of {clock(build.at, '')} UTC: {count} keys need attention.")
