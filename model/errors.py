"""The exceptions of this project, in one place; each carries a text that says what is wrong and what to do.

Programs and pages turn a `ReaderError` into that text and let everything else through, since that is a defect.
"""

from __future__ import annotations

from model.messages import Message


class ReaderError(Exception):
    """Base of all of them.

    Attributes:
        message: a `Message`, which a page can translate, or English for those who run a program.
    """

    def __init__(self, message: Message | str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        """The text in English."""
        return str(self.message)


class Unreadable(ReaderError):
    """A file can't be read as a radiograph. The message never quotes the file, which may name a patient."""

    message: Message

    def __init__(self, message: Message) -> None:
        super().__init__(message)


class BundleError(ReaderError):
    """A bundle can't be used."""


class RemoteError(ReaderError):
    """A remote storage failed, so what it holds is unknown."""
