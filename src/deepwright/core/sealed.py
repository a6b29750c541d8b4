"""Sealed JSON: a record with the hash of its own content, so that no flipped bit in it goes unnoticed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepwright.core.files import write_json

__all__ = ["canonical_hash", "unsealed", "write_sealed"]

SEAL = "seal"  # the entry that holds the hash of all others


def canonical_hash(value: Any) -> str:
    """SHA-256 of a value that JSON can hold, however its keys are ordered."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_sealed(path: Path, value: Mapping[str, Any] | None) -> None:
    """Write a record with its seal, whole or not at all; None as it is."""
    if value is None:
        write_json(path, None)
        return
    content = json.loads(
        json.dumps(value, allow_nan=False)
    )  # as it will be read: keys are text there, in another order
    write_json(path, {**content, SEAL: canonical_hash(content)})


def unsealed(stored: Any) -> Any:
    """A record without its seal; one that has none, of an earlier version, as it is.

    Raises:
        ValueError: it is not what was written.
    """
    if not isinstance(stored, dict) or SEAL not in stored:
        return stored
    content = {name: value for name, value in stored.items() if name != SEAL}
    if stored[SEAL] != canonical_hash(content):
        raise ValueError("its content is not what was written")
    return content
