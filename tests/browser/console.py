"""Records the errors and warnings of a browser, so that a test can require that there are none."""

import re
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, ConsoleMessage, WebError

# Browsers also report violations to the console, but not every browser does so for every directive.
_REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error("CSP violation:", event.violatedDirective, event.blockedURI, event.sourceFile))"""
#: Chromium reports every 422 as an error. A form that comes back with its errors is none.
_INVALID_FORM = r"Failed to load resource: .* 422 "


@dataclass
class ConsoleRecorder:
    messages: list[str] = field(default_factory=list)
    #: Regular expressions of messages that the test causes on purpose.
    allowed: list[str] = field(default_factory=lambda: [_INVALID_FORM])

    def reset(self) -> None:
        self.messages, self.allowed = [], [_INVALID_FORM]

    def watch(self, context: BrowserContext) -> None:
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("console", self._on_console)
        context.on("weberror", self._on_error)

    def allow(self, *patterns: str) -> None:
        self.allowed += patterns

    def allow_status(self, status: int) -> None:
        """Allow the messages of Chromium and htmx about a response with this status."""
        self.allow(rf"Failed to load resource: .* {status} ", rf"Response Status Error Code {status} from ")

    def unexpected(self) -> list[str]:
        return [text for text in self.messages if not any(re.search(pattern, text) for pattern in self.allowed)]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.messages.append(f"{message.type}: {message.text}")

    def _on_error(self, error: WebError) -> None:
        self.messages.append(f"page error: {error.error}")
