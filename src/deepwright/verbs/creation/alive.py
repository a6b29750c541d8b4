"""A page on which a learnt rule runs live: one HTML file, offline; its own policy forbids every connection."""

import base64
import hashlib
import html
import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from deepwright.contracts import Grows, Rule
from deepwright.core.errors import InputError
from deepwright.core.files import refuse_existing, write_text
from deepwright.verbs.creation.records import in_page

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["PAGE", "alive", "bring_to_life"]

PAGE = ".html"


def bring_to_life(
    run: "Run", place: Path, force: bool, record: Callable[[], Mapping[str, Any] | None] = lambda: None
) -> dict[str, Any]:
    """Write the page of a run; what there is to tell of it.

    Args:
        record: gives what the page says about how it was made; it is asked once the page can be made.

    Raises:
        InputError: what the run creates does not grow by a rule, or `place` is a folder. OutputExists: there is a file.
    """
    network = run.network
    if not isinstance(network, Grows):
        raise InputError(
            f"{place.name}: a live page is made of a rule by which textures grow; the run {run.name} has learnt none. Train one with "
            "--model automaton, or name a picture or a folder with -o."
        )
    if place.is_dir():
        raise InputError(f"{place} is a folder; name a file in it, such as -o {place / 'texture.html'}.")
    refuse_existing(place, force)
    rule = network.rule()
    write_text(place, alive(run.name, rule, record()))
    return {"file": str(place), "bytes": place.stat().st_size, "numbers": _numbers(rule)}


def alive(title: str, rule: Rule, record: Mapping[str, Any] | None = None) -> str:
    """The page of a texture that grows by itself (`Rule`), in the browser's own time, wiped out and regrown by a pointer.

    Args:
        record: how it was made.
    """
    told = {
        "states": len(rule.second), "hidden": len(rule.bias), "colours": rule.colours, "fires": rule.fires, "side": rule.side,
        "first": _packed(rule.first), "bias": _packed(rule.bias), "second": _packed(rule.second),
    }  # fmt: skip
    folder = files(__package__)
    text = folder.joinpath("alive.html").read_text(encoding="utf-8")
    script = f"\n'use strict';\nconst RULE = {json.dumps(told)};\n{folder.joinpath('alive.js').read_text(encoding='utf-8')}\n"
    policy = "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    said = {"title": html.escape(title), "numbers": f"{_numbers(rule):,}", "policy": policy, "script": script,
            "record": "" if record is None else in_page(record)}  # fmt: skip
    for name, value in said.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def _numbers(rule: Rule) -> int:
    return sum(part.numel() for part in (rule.first, rule.bias, rule.second))


def _packed(tensor: Tensor) -> str:
    """Numbers as 32-bit floats in base64, row by row; the lowest byte first."""
    return base64.b64encode(tensor.detach().float().contiguous().cpu().numpy().astype("<f4").tobytes()).decode()
