"""What browsers complain about, so that a test can insist on silence."""

import re
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, ConsoleMessage, WebError

# A violation also reaches the console, but not from every browser and for every directive.
_TELL = """addEventListener("securitypolicyviolation", (event) =>
  console.error("CSP violation:", event.violatedDirective, event.blockedURI, event.sourceFile))"""
#: A form that is sent back with its errors is nothing to complain about.
_INVALID = r"Failed to load resource: .* 422 "


@dataclass
class Record:
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=lambda: [_INVALID])

    def begin(self) -> None:
        """Forget what was complained about and expected so far."""
        self.complaints, self.expected = [], [_INVALID]

    def watch(self, context: BrowserContext) -> None:
        context.add_init_script(_TELL)
        context.on("console", self._console)
        context.on("weberror", self._error)

    def expect(self, *patterns: str) -> None:
        """Complaints that the test brings about on purpose, as regular expressions."""
        self.expected += patterns

    def expect_status(self, status: int) -> None:
        """An answer with this status, as Chromium and htmx say it."""
        self.expect(rf"Failed to load resource: .* {status} ", rf"Response Status Error Code {status} from ")

    def unexpected(self) -> list[str]:
        return [text for text in self.complaints if not any(re.search(known, text) for known in self.expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _error(self, error: WebError) -> None:
        self.complaints.append(f"page error: {error.error}")
