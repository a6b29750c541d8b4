"""Addresses that may hold a password: what is shown and kept in records is without it."""

import re

__all__ = ["hidden"]


def hidden(text: str) -> str:
    """The text with each password in an address left out.

    >>> hidden("postgresql://me:secret@machine/trials")
    'postgresql://me:…@machine/trials'
    """
    return re.sub(r"(//[^:/@\s]*):[^@/\s]*@", r"\1:…@", text)
