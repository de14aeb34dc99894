"""A password or API key on its way from the caller to a connection."""

from __future__ import annotations


class Secret:
    """A text that no repr shows, that of a traceback's variables neither.

    Args:
        text: The password or API key.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "<hidden>"

    def can_be_sent(self) -> bool:
        """It is not empty, and JSON and headers can carry it."""
        text: object = self._text
        return (
            isinstance(text, str) and text != "" and not any(c in "\r\n\0" or "\ud800" <= c <= "\udfff" for c in text)
        )

    def reveal(self) -> str:
        """The text itself."""
        return self._text
