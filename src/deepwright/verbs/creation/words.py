"""What a person writes for creations and latents: "3,9,20-25,photo", "3=2,photo", "smile=+2"."""

import re
from collections.abc import Callable, Sequence

from deepwright.core.errors import RecipeError
from deepwright.verbs.creation.shelf import Shelf, Stored
from deepwright.verbs.creation.state import Anchor, Edit, Weighted

__all__ = ["anchors", "divided", "edit_words", "mixed"]

_MOST = 100_000


def anchors(words: Sequence[int | str], flag: str, shelf: Shelf) -> tuple[Anchor, ...]:
    """Numbers and keys of stored latents.

    Raises:
        RecipeError: a range that is none, or a name that is not there.
    """
    found: list[Anchor] = []
    for word in words:
        for part in [word] if isinstance(word, int) else str(word).split(","):
            found += _anchors(part if isinstance(part, int) else part.strip(), flag, shelf)
    if len(found) > _MOST:
        raise RecipeError(f"{flag}: these are {len(found)} creations; at most {_MOST} are made at a time.")
    return tuple(found)


def _anchors(part: int | str, flag: str, shelf: Shelf) -> Sequence[Anchor]:
    text = str(part)
    if match := re.fullmatch(r"(\d{1,12})-(\d{1,12})", text):
        low, high = int(match[1]), int(match[2])
        if low > high or high - low >= _MOST:
            raise RecipeError(
                f"{flag}: '{text}' is no range of at most {_MOST} numbers; write the smaller number first."
            )
        return range(low, high + 1)
    if re.fullmatch(r"\d{1,12}", text):
        return (int(text),)
    if not text or text[0] in "-+.0123456789":
        raise RecipeError(
            f"{flag}: '{text}' is neither the number of a creation (0, 1, 2, …) nor the name of a stored latent."
        )
    return (shelf.named("latents", text).key,)


def mixed(words: Sequence[str], shelf: Shelf) -> tuple[Weighted, ...]:
    """Parts of a mixture, "3=2,photo": weights are 1 unless said.

    Raises:
        RecipeError: a weight that is no positive number, a name that is not there, or fewer than two parts.
    """
    parts = []
    for word in (part.strip() for words_ in words for part in str(words_).split(",")):
        name, sign, text = word.partition("=")
        weight = _number(text, f"--mix {word}", "a weight above 0, such as 3=0.5") if sign else 1.0
        if not 0 < weight <= 1000:
            raise RecipeError(f"--mix {word}: expected a weight above 0 and at most 1000; got {weight:g}.")
        parts += [Weighted(anchor=one, weight=weight) for one in anchors([name], "--mix", shelf)]
    if len(parts) < 2:
        raise RecipeError("--mix: expected two or more creations, such as --mix 3,9 or --mix 3=0.7,9=0.3.")
    return tuple(parts)


def divided(word: str) -> tuple[str, float]:
    """The direction and the amount of "smile=+2".

    Raises:
        RecipeError: there is no amount, or it is too large.
    """
    name, sign, text = word.rpartition("=")
    if not sign or not name.strip():
        raise RecipeError(f"--edit {word}: expected a direction and how far, such as --edit smile=+2.")
    amount = _number(text, f"--edit {word}", "how far as a number, such as +2 or -1.5")
    if abs(amount) > 100:
        raise RecipeError(f"--edit {word}: expected -100 to 100 standard deviations; 1 to 3 are usual.")
    return name.strip(), amount


def edit_words(words: Sequence[str], shelf: Shelf, found: Callable[[str], Stored]) -> tuple[Edit, ...]:
    """Moves along stored directions.

    Args:
        found: gives the direction of "RUN2:label".

    Raises:
        RecipeError: a direction that is not there, or no amount.
    """
    edits = []
    for name, amount in [divided(word) for word in words]:
        stored = found(name) if ":" in name else shelf.named("directions", name)
        edits.append(Edit(direction=stored.key, amount=amount))
    return tuple(edits)


def _number(text: str, where: str, wanted: str) -> float:
    if not re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?\s*", text):
        raise RecipeError(f"{where}: expected {wanted}; got '{text}'.")
    return float(text)
