"""Addresses that may hold a password: what is shown and kept in records is without it."""

import re

__all__ = ["hidden", "lacks_password"]

LEFT_OUT = "…"


def hidden(text: str) -> str:
    """The text with each password in an address left out.

    >>> hidden("postgresql://me:secret@machine/trials")
    'postgresql://me:…@machine/trials'
    """
    return re.sub(r"(//[^:/@\s]*):[^@/\s]*@", rf"\1:{LEFT_OUT}@", text)


def lacks_password(address: str) -> bool:
    """Whether a password was left out of it."""
    return f":{LEFT_OUT}@" in address
