"""Ranges: recipe fields that `tune` chooses from, written where their value would stand.

    train:
      batch: [32, 64, 128]                       # or {choice: [32, 64, 128]}
      optimizer: {lr: {log: [1e-4, 1e-1]}}
    model: {depth: {int: [1, 6]}, dropout: {float: [0, 0.5]}}

A field that takes a list itself (betas, widths) takes a bare list as its value; only {choice: …} makes a range there.
"""

import copy
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml

from deepwright.core.config import Config
from deepwright.core.errors import RecipeError, did_you_mean
from deepwright.core.registry import Registry
from deepwright.draft import Draft, split_path

__all__ = [
    "TUNED", "WORDS", "Choice", "Found", "Range", "Real", "Whole", "assign", "assign_file", "find", "name_of", "probed", "read",
    "take", "without",
]  # fmt: skip

WORDS = ("choice", "float", "int", "log")
TUNED = ("features", "model", "objective", "task", "train")  # the parts of a recipe that may be chosen
MEASURE = (  # fields of `train` that decide how a training is judged, or how long it is
    "budget", "checkpoint_seconds", "inside_epochs", "longest", "threads", "validation_rows", "validations",
)  # fmt: skip

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Choice:
    """One of several values, of any kind."""

    values: tuple[Any, ...]

    def ends(self) -> list[Any]:
        """What has to be allowed for the whole range to be."""
        return list(self.values)

    def written(self) -> dict[str, Any]:
        """As it stands in a recipe."""
        return {"choice": list(self.values)}


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int

    def ends(self) -> list[Any]:
        return [self.low, self.high]

    def written(self) -> dict[str, Any]:
        return {"int": [self.low, self.high]}


@dataclass(frozen=True)
class Real:
    """A number from `low` to `high`; with `log`, equal ratios are equally likely."""

    low: float
    high: float
    log: bool = False

    def ends(self) -> list[Any]:
        inside = math.sqrt(self.low * self.high) if self.log else self.low + (self.high - self.low) * 0.382
        return [self.low, self.high, inside]

    def written(self) -> dict[str, Any]:
        return {"log" if self.log else "float": [self.low, self.high]}


Range = Choice | Whole | Real


@dataclass(frozen=True)
class Found:
    """A range as it was written: where, and what is wrong with it (then there is no range)."""

    path: Path_
    range: Range | None
    problem: str = ""


def name_of(path: Sequence[str | int]) -> str:
    """The dotted name that `split_path` reads.

    >>> name_of(("features", "a.b", "bins"))
    'features."a.b".bins'
    """
    return ".".join(f'"{part}"' if "." in str(part) else str(part) for part in path)


@dataclass
class _Takes:
    """What a field takes, from its annotation."""

    lists: bool = False
    anything: bool = False
    values: Any = None  # the annotation of a mapping's values
    settings: list[type[Config]] = field(default_factory=list)


def _takes(annotation: Any, metadata: Sequence[Any] = ()) -> _Takes:
    found, waiting = _Takes(), [(annotation, tuple(metadata))]
    while waiting:
        one, notes = waiting.pop()
        origin, inner = get_origin(one), get_args(one)
        registries = [note for note in notes if isinstance(note, Registry)]
        if registries:
            found.settings += [kind for registry in registries for kind in registry]
        elif origin is Annotated:
            waiting.append((inner[0], one.__metadata__))
        elif origin in (Union, UnionType):
            waiting += [(part, ()) for part in inner]
        elif origin in (tuple, list, set, frozenset) or one in (tuple, list):
            found.lists = True
        elif origin is dict or one is dict:
            found.values = inner[1] if inner else Any
        elif one is Any:
            found.anything = True
        elif isinstance(one, type) and issubclass(one, Config):
            found.settings.append(one)
    return found


def find(draft: Draft, root: type[Config]) -> list[Found]:
    """All ranges in a draft, in the order of their places.

    Args:
        root: the settings class of the whole document.
    """
    return list(_inside(draft.value, [root], (), draft))


def _inside(value: Mapping[str, Any], known: Sequence[type[Config]], path: Path_, draft: Draft) -> Iterator[Found]:
    for key, inner in value.items():
        entry = next((kind.model_fields[key] for kind in known if key in kind.model_fields), None)
        if entry is not None and isinstance(inner, list | dict):
            yield from _at(inner, _takes(entry.annotation, entry.metadata), (*path, key), draft)


def _at(value: Any, takes: _Takes, path: Path_, draft: Draft) -> Iterator[Found]:
    if isinstance(value, list):
        if len(value) > 1 and not takes.lists and not takes.anything and takes.values is None:
            yield _read("choice", value, takes, path, draft)
    elif takes.values is not None:
        for key, inner in value.items():
            if isinstance(inner, list | dict):
                yield from _at(inner, _takes(takes.values), (*path, key), draft)
    elif takes.settings:
        word = next(iter(value), None)
        if len(value) == 1 and word in WORDS and not any(word in kind.model_fields for kind in takes.settings):
            yield _read(word, value[word], takes, path, draft)
        else:
            yield from _inside(value, _kinds(value.get("kind"), takes.settings), path, draft)
    elif len(value) == 1:
        word = next(iter(value))
        if word in WORDS:
            yield _read(word, value[word], takes, path, draft)
        elif not takes.anything and isinstance(value[word], list):
            yield Found(path, None, f"there is no space '{word}'. {did_you_mean(str(word), WORDS)}")


def _kinds(kind: Any, settings: Sequence[type[Config]]) -> list[type[Config]]:
    """The classes a part may be of: those of its kind (or of the kinds to choose from), all where none is named."""
    if isinstance(kind, dict) and len(kind) == 1:
        kind = kind.get("choice")
    named = {kind} if isinstance(kind, str) else set(map(str, kind)) if isinstance(kind, list) else set()
    chosen = [one for one in settings if "kind" in one.model_fields and one.model_fields["kind"].default in named]
    return chosen or list(settings)


def read(written: Any, path: Path_ = ()) -> Range:
    """A range from what `written` gave, or as a model offers it: a list, or a mapping of one word.

    Raises:
        RecipeError: it is none.
    """
    word, value = ("choice", list(written)) if isinstance(written, list | tuple) else next(iter(written.items()))
    found = _read(word, value, _Takes(), path, Draft())
    if found.range is None:
        raise RecipeError(f"{name_of(path)}: {found.problem}")
    return found.range


def _read(word: str, value: Any, takes: _Takes, path: Path_, draft: Draft) -> Found:
    """One range from its word and what stands behind it."""
    if word == "choice":
        return _choice(value, takes, path, draft)
    example = {"int": "{int: [1, 6]}", "float": "{float: [0, 0.5]}", "log": "{log: [1e-4, 1e-1]}"}[word]
    if not isinstance(value, list) or len(value) != 2:
        return Found(path, None, f"'{word}' expects the least and the largest value, such as {example}.")
    low, high = (_number(one) for one in value)
    if low is None or high is None:
        wrong = value[0] if low is None else value[1]
        return Found(path, None, f"'{word}' expects two numbers, such as {example}; got {wrong!r}.")
    if low >= high:
        return Found(path, None, f"the least value must be smaller than the largest; got {low:g} and {high:g}.")
    if word == "log" and low <= 0:
        return Found(path, None, f"'log' expects numbers above 0; got {low:g}. Use 'float' for a range with 0 in it.")
    if word != "int":
        return Found(path, Real(low, high, word == "log"))
    if low != int(low) or high != int(high):
        return Found(path, None, f"'int' expects whole numbers, such as {example}; got {low:g} and {high:g}.")
    return Found(path, Whole(int(low), int(high)))


def _choice(value: Any, takes: _Takes, path: Path_, draft: Draft) -> Found:
    if not isinstance(value, list) or len(value) < 2:
        return Found(path, None, "'choice' expects a list of at least two values, such as {choice: [32, 64]}.")
    texts = [json.dumps(one, sort_keys=True, default=str) for one in value]
    twice = next((one for one, text in zip(value, texts, strict=True) if texts.count(text) > 1), None)
    if len(set(texts)) < len(texts):
        return Found(path, None, f"the value {twice!r} is there twice.")
    for one in value:
        inner = next(_at(one, takes, path, draft), None) if isinstance(one, dict) else None
        if inner is not None:
            hint = name_of(inner.path[len(path) :]) or "it"
            return Found(path, None, f"a space inside a choice cannot be searched; give '{hint}' a key of its own.")
    return Found(path, Choice(tuple(value)))


def _number(value: Any) -> float | None:
    """A finite number; YAML reads 1e-4, without a point, as a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def without(draft: Draft, paths: Sequence[Path_]) -> Draft:
    """A copy of a draft that lacks these keys, and the parts that are empty without them."""
    left = Draft(copy.deepcopy(draft.value), dict(draft.places))
    for path in paths:
        for length in range(len(path), 0, -1):
            above = left.get(*path[: length - 1]) if length > 1 else left.value
            if not isinstance(above, dict):
                break
            if length == len(path) or above.get(path[length - 1]) == {}:
                above.pop(path[length - 1], None)
    return left


def take(
    draft: Draft, root: type[Config], problems_of: Callable[[Draft], list[str]]
) -> tuple[Draft, dict[Path_, Range]]:
    """The draft without its ranges, and the ranges, each with both ends and a value between them found allowed.

    Args:
        problems_of: the sentences about a draft without ranges.

    Raises:
        RecipeError: all problems at once, of the ranges and of the rest.
    """
    found = find(draft, root)
    base = without(draft, [one.path for one in found])
    problems = problems_of(base)
    ranges: dict[Path_, Range] = {}
    for one in found:
        place, name = draft.place(one.path), name_of(one.path)
        refused = _yardstick(one.path)
        if refused or one.range is None:
            problems.append(f"{place}: {name}: {refused or one.problem}")
            continue
        ranges[one.path] = one.range
    problems += [text for text in probed(base, ranges, problems_of, draft) if text not in problems]
    if problems:
        order: dict[str, int] = {}
        for number, place in enumerate(draft.places.values()):
            order.setdefault(place, number)
        raise RecipeError(sorted(problems, key=lambda text: order.get(text.partition(": ")[0], -1)))
    return base, ranges


def probed(
    base: Draft, ranges: Mapping[Path_, Range], problems_of: Callable[[Draft], list[str]], written: Draft
) -> list[str]:
    """Sentences about values of ranges that their fields do not allow.

    Args:
        base: a draft without ranges. written: where the ranges stand.
    """
    before = set(problems_of(base))
    found: list[str] = []
    for path, one in ranges.items():
        for value in one.ends():
            tried = Draft(copy.deepcopy(base.value), {**base.places, path: written.place(path)})
            with_kinds = {p: r for p, r in ranges.items() if p[-1] == "kind" and p[:-1] == path[:-1] and p != path}
            for kind_path, kinds in with_kinds.items():
                tried.put(kind_path, kinds.ends()[0], written.place(kind_path))
            tried.put(path, value, written.place(path))
            found += [text for text in problems_of(tried) if text not in before and text not in found]
    return found


def _yardstick(path: Path_) -> str:
    """Why a field cannot be chosen, since trials could not be compared any more."""
    if path[0] == "train" and len(path) > 1 and path[1] in MEASURE:
        return "it decides how trials are measured, so it must be the same for all of them: give one value."
    if path == ("seed",):
        return "a seed cannot be tuned: the luckiest of several is no better than the others."
    if path[0] not in TUNED:
        return f"'{path[0]}' is what trials are measured by, so it must be the same for all of them: give one value."
    return ""


_BETWEEN = re.compile(r"(log|int|float):\s*(\S+?)\s*\.\.\s*(\S+)$")


def assign(draft: Draft, assignment: str) -> None:
    """Take `a.b=log:1e-4..1e-1`, `a.b=int:1..6`, `a.b=32,64,128` or a range in YAML from the command line.

    Raises:
        RecipeError: it is none of these.
    """
    name, found, text = assignment.partition("=")
    name, text, place = name.strip(), text.strip(), f"--space {name.strip()}"
    example = "such as train.optimizer.lr=log:1e-4..1e-1, model.depth=int:1..6 or train.batch=32,64,128"
    if not found or not name or not text:
        raise RecipeError(f"--space {assignment}: expected key=space, {example}.")
    between = _BETWEEN.match(text)
    if between is not None:
        draft.put(split_path(name), {between[1]: [between[2], between[3]]}, place)
        return
    plain = text.removeprefix("choice:")
    try:
        value = yaml.safe_load(plain if plain.lstrip()[:1] in ("[", "{") else f"[{plain}]")
    except yaml.YAMLError as error:
        raise RecipeError(f"--space {assignment}: '{text}' is not a space; write one {example}.") from error
    if isinstance(value, list) and len(value) < 2:
        raise RecipeError(f"--space {assignment}: '{text}' is not a space; write one {example}.")
    draft.put(split_path(name), {"choice": value} if isinstance(value, list) else value, place)


def assign_file(draft: Draft, path: Path, root: type[Config]) -> None:
    """Take a YAML file of spaces, and of fixed values beside them: parts of a recipe, nested or under dotted keys.

    Args:
        root: the settings class of the whole document.

    Raises:
        RecipeError: it cannot be read, holds no space, or something that is not to be searched.
    """
    told, alone = Draft.read(path), Draft()
    foreign = [key for key in told.value if split_path(str(key))[0] not in TUNED]
    if foreign:
        raise RecipeError(
            f"{told.place((foreign[0],))}: '{foreign[0]}' does not belong in a file of spaces, which holds what can be tuned: "
            f"{', '.join(TUNED)}. A whole recipe is named first: deepwright tune {path}"
        )
    for place, inner in _leaves(told.value, ()):
        for one in (draft, alone):
            one.put((*split_path(place[0]), *place[1:]), inner, told.place(place))
    if not find(alone, root):
        raise RecipeError(f"{path.name} holds no space; write one such as 'train.optimizer.lr: {{log: [1e-4, 1e-1]}}'.")


def _leaves(value: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values and spaces in nested mappings, with where they stand."""
    for key, inner in value.items():
        if isinstance(inner, dict) and inner and not (len(inner) == 1 and next(iter(inner)) in WORDS):
            yield from _leaves(inner, (*path, str(key)))
        else:
            yield (*path, str(key)), inner
