"""Errors that a user can mend.

::

    LiveshopError            one clear sentence, a hint, a non-zero exit code, no traceback
    ├── UsageError           a wrong name, value or file
    └── Unavailable          a broker, store or port that is not there (or not ours)

Everything else is a defect and keeps its traceback.
"""

from __future__ import annotations


class LiveshopError(Exception):
    """Something the user can mend.

    Args:
        sentence: what is wrong, in one sentence.
        hint: what to do about it, in one sentence.
    """

    def __init__(self, sentence: str, hint: str = "") -> None:
        self.sentence = _as_sentence(sentence)
        self.hint = _as_sentence(hint)
        super().__init__(self.sentence)


def _as_sentence(text: str) -> str:
    """A capital at the start, unless it starts with a name, and a mark at the end."""
    first_word = text.split(" ", 1)[0]
    if first_word.isalpha() and first_word.islower():
        text = text[0].upper() + text[1:]
    return text if not text or text[-1] in ".!?)" else f"{text}."


class UsageError(LiveshopError):
    """A name, value or file that cannot be used as it was given."""


class Unavailable(LiveshopError):
    """A broker, store, port or directory that cannot be reached or taken."""
