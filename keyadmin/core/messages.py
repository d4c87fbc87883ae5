"""Texts for people. This package does not know Django: it marks them, and interfaces and operations translate them."""


def marked(text: str) -> str:
    """The text itself. Modules import this function as `_`, a name that `makemessages` looks for."""
    return text


class TranslatableError(ValueError):
    """An error about a text that a person typed. `str()` is its message in English, for commands, logs and the API.

    `operations.validation.translate` makes the message in the reader's language, of the `template` and its `values`.
    """

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template % values)
        self.template = template
        self.values = values
