"""What is not as it was, in the order in which one thing leads to another: versions, hardware, preparation, events, weights (the data: `changed_data`)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

import torch
from torch import Tensor

from deepwright.core.wording import number, plural

__all__ = ["Difference", "hardware", "in_events", "in_figures", "in_weights", "versions"]

About = Literal["data", "versions", "hardware", "preparation", "events", "figures", "task", "weights", "record"]
Found = Iterator["Difference"]


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was.

    Args:
        text: a sentence without its full stop. was, is_: the two values, as text.
    """

    about: About
    text: str
    was: str = ""
    is_: str = ""

    def to_dict(self) -> dict[str, str]:
        return {"about": self.about, "text": self.text, "was": self.was, "is": self.is_}


def versions(then: Mapping[str, Any], now: Mapping[str, Any]) -> Found:
    """Software that is another one; what an older record does not tell is passed over."""
    if then["deepwright"] != now["deepwright"]:
        yield _changed("versions", "deepwright", then["deepwright"], now["deepwright"])
    elif then.get("source") not in (None, now["source"]):
        text = f"the code of deepwright {now['deepwright']} is another one than then"
        yield Difference("versions", text, then["source"][:12], now["source"][:12])
    if then["python"] != now["python"]:
        yield _changed("versions", "Python", then["python"], now["python"])
    for group in ("packages", "plugins"):
        for name in sorted({*then.get(group, {}), *now[group]}) if group in then else ():
            before, after = then[group].get(name), now[group].get(name)
            if before != after:
                yield _changed("versions", name, before, after)


_HARDWARE = {
    "system": "the system", "machine": "the kind of machine", "device": "the device", "device_name": "the graphics card",
    "processor": "the processor", "simd": "the instructions that torch uses of the processor", "processes": "the number of processes",
}  # fmt: skip


def hardware(then: Mapping[str, Any], now: Mapping[str, Any]) -> Found:
    """Hardware that computes and what chooses its kernels. The number of threads is followed, so it never differs."""
    for name, words in _HARDWARE.items():
        if name in then and then[name] != now[name]:
            yield _changed("hardware", words, then[name], now[name])
    for name in sorted({*then.get("variables", {}), *now["variables"]}) if "variables" in then else ():
        before, after = then["variables"].get(name), now["variables"].get(name)
        if before != after:
            yield _changed("hardware", f"the environment variable {name}", before, after)


def _changed(about: About, what: str, before: Any, after: Any) -> Difference:
    was, is_ = ("none" if value is None else str(value) for value in (before, after))
    return Difference(about, f"{what} was {was} and is {is_}", was, is_)


def in_events(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Difference | None:
    """The first event that is not as it was.

    Args:
        then, now: events without what depends on the clock.
    """
    for before, after in zip_longest(then, now):
        if before == after:
            continue
        if before is None or after is None or (before["event"], before["step"]) != (after["event"], after["step"]):
            was, is_ = (_named(event) for event in (before, after))
            return Difference("events", f"where {was} came, now comes {is_}", was, is_)
        path, was, is_ = next(_fields("", before, after))
        what = _figure(before["event"], path)
        return _changed("events", f"{what} at step {before['step']}", was, is_)
    return None


def _named(event: Mapping[str, Any] | None) -> str:
    return "nothing more" if event is None else f"'{event['event']}' at step {event['step']}"


def _fields(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            yield from _fields(f"{path}/{name}" if path else name, before.get(name), after.get(name))
    elif before != after:
        yield path, before, after


def _figure(event: str, path: str) -> str:
    """What a field of an event is called."""
    group, _, name = path.partition("/")
    words = (name or group).replace("_", " ")
    if event == "validated" and group == "figures":
        return f"the validation {words}"
    if event == "checked" and group == "figures":
        return f"the {words} of creations"
    if event == "stepped":
        return "the training loss" if path == "loss" else f"the {words} of training"
    return f"the {words} of '{event}'"


def in_figures(then: Mapping[str, Any], now: Mapping[str, Any]) -> Difference | None:
    """The first figure on held-out rows that is not as it was."""
    for path, before, after in _fields("", then, now):
        name, _, part = path.partition("/")
        what = name.replace("_", " ") if part in ("", "value") else f"{part} of the {name.replace('_', ' ')}"
        return _changed("figures", f"the {what} on held-out rows", before, after)
    return None


def in_weights(then: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> Difference | None:
    """The first tensor that is not as it was, in the order of `now`, and by how much."""
    for name in dict.fromkeys([*now, *then]):
        before, after = then.get(name), now.get(name)
        if before is None or after is None:
            there = ("there", "not there") if after is None else ("not there", "there")
            return Difference("weights", f"the tensor '{name}' was {there[0]} and is {there[1]}", *there)
        if before.shape != after.shape or before.dtype != after.dtype:
            kinds = tuple(f"{list(one.shape)} {str(one.dtype).removeprefix('torch.')}" for one in (before, after))
            return Difference("weights", f"the tensor '{name}' was {kinds[0]} and is {kinds[1]}", *kinds)
        if not torch.equal(before, after):
            apart = (before != after).sum().item()
            most = (before.double() - after.double()).abs().max().item()
            text = f"the weights '{name}': {number(apart)} of {plural(before.numel(), 'number')} differ, by {most:.2g} at most"
            first = (before != after).flatten().nonzero()[0, 0]
            return Difference("weights", text, *(repr(one.flatten()[first].item()) for one in (before, after)))
    return None
