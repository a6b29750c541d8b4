"""The answer in words: reproduced bit for bit or not, and what was the first thing that is not as it was."""

from collections.abc import Sequence
from typing import Any

from deepwright.core.report import Block, Grid, Report, Text
from deepwright.core.wording import plural
from deepwright.run import Run
from deepwright.verbs.reproduce.differences import Difference

__all__ = ["verdict"]

HARMLESS = ("versions", "hardware")  # where all comes out the same, they made no difference


def verdict(run: Run, again: Run | None, differences: Sequence[Difference]) -> Report:
    """The report.

    Args:
        again: the new run; None where it was not trained. differences: in order.
    """
    equal = all(one.about in HARMLESS for one in differences) and again is not None
    why_not = run.environment.get("training", {}).get("why_not", "")
    sentence = _equal(run, again, differences) if equal else _not_equal(run, again, differences, why_not)
    blocks: list[Block] = [Text(sentence, "good" if equal else "bad")]
    if differences:
        title = "What is not as it was, and made no difference" if equal else "What is not as it was"
        rows = tuple((one.about, one.text, one.was, one.is_) for one in differences)
        blocks.append(Grid(title, ("about", "what", "was", "is"), rows))
    hashes: dict[str, Any] = {} if again is None else again.environment.get("hashes", {})
    data = {
        "version": 1, "run": str(run.folder), "folder": None if again is None else str(again.folder), "equal": equal,
        "sentence": sentence, "first": None if equal else differences[0].to_dict(), "differences": [d.to_dict() for d in differences],
        "hashes": {"then": run.environment.get("hashes", {}), "now": hashes},
    }  # fmt: skip
    return Report("reproduce", "Whether it comes out the same again", data, tuple(blocks))


def _equal(run: Run, again: Run, differences: Sequence[Difference]) -> str:
    weights = again.environment["hashes"]["weights"][:12]
    figures = ", the figures on held-out rows" if again.environment.get("figures") else ""
    text = f"Reproduced bit for bit: the weights (sha256 {weights}…){figures} and all events are those of {run.folder}."
    if differences:
        many = plural(len(differences), "circumstance")
        text += f" {many} {'is' if len(differences) == 1 else 'are'} not as then ({differences[0].text}), which made no difference."
    return text


def _not_equal(run: Run, again: Run | None, differences: Sequence[Difference], why_not: str) -> str:
    first = differences[0]
    text = f"{run.folder} is not reproduced. The first difference, in {_PLACES[first.about]}: {first.text}."
    if again is None:
        return f"{text} So it was not trained again. Give the data as it was then with --data."
    seen = next((one for one in differences if one.about not in HARMLESS), first)
    if seen is not first:
        text += f" What came of it first: {seen.text}."
    return f"{text} {why_not}".rstrip()


_PLACES = {
    "data": "the data", "versions": "the versions", "hardware": "the hardware", "preparation": "what was learnt about the data",
    "events": "the course of training", "figures": "the figures", "task": "the task", "weights": "the weights", "record": "the record",
}  # fmt: skip
