"""explain: whether a call with a key would be allowed, and which rule decides it. Nothing is called or counted."""

from argparse import Namespace

from django.core.management.base import CommandParser

from keyadmin.explain.explanation import Explanation, explain
from keyadmin.explain.inputs import METHODS, find_key, parse_call
from keyadmin.explain.messages import TITLES
from keyadmin.management.base import OperatorCommand, printable


class Command(OperatorCommand):
    help = "Explain whether a call with a key would be allowed, which rule decides it, and what to change to allow it."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", help="The key's id or key ID. Never the secret.")
        parser.add_argument(
            "method", type=str.upper, choices=METHODS, metavar="METHOD", help=f"One of {', '.join(METHODS)}."
        )
        parser.add_argument("path", help="A path such as /api/chats.")
        parser.add_argument("--address", default="", metavar="IP", help="The address of the client. Default: unknown.")
        parser.add_argument("--channel", default="", metavar="SLUG", help="The value of X-Channel.")
        parser.add_argument(
            "--on-behalf-of", default="", metavar="PERSON", help="The person of On-Behalf-Of: email address or id."
        )

    def run(self, options: Namespace) -> None:
        key = find_key(self.actor, options.key)
        call = parse_call(
            method=options.method,
            path=options.path,
            address=options.address,
            channel=options.channel,
            on_behalf_of=options.on_behalf_of,
        )
        explanation = explain(key, call)
        if self.json:
            self.document(explanation.as_json())
        else:
            self.print_explanation(explanation)

    def print_explanation(self, explanation: Explanation) -> None:
        """The answer, every rule, and what would have to change."""
        steps, deciding = explanation.steps, explanation.deciding
        if deciding and deciding.reason:
            position = f"rule {steps.index(deciding) + 1}, {TITLES[deciding.rule]}"
            self.result(f"Denied by {position}: {explanation.status}, {deciding.reason.detail}")
        else:
            self.result(f"Allowed: all {len(steps)} rules pass.")
        self.table(
            ("", "rule", "result", "detail"),
            [
                (str(position), str(TITLES[step.rule]), step.state.replace("_", " "), step.message)
                for position, step in enumerate(steps, 1)
            ],
        )
        for remedy in explanation.remedies:
            self.result(f"To allow this call: {printable(remedy.detail)}")
