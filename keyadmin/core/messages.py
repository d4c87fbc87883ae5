"""Texts for people. `core` does not import Django, so it only marks them. Operations and pages translate."""


def marked(text: str) -> str:
    """Returns the text. Import this function as `_`, the name that `makemessages` looks for."""
    return text


class TranslatableError(ValueError):
    """A text that a person entered is not valid. `str()` is the message in English, for commands, logs and the API.

    The message is `template % values`. `operations.validation.translate` translates it into the reader's language.
    """

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template % values)
        self.template = template
        self.values = values
