"""Draft: a recipe as a person wrote it, with the place of every key, so that every mistake can be pointed at."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import ValidationError

from deepwright.core.config import Config
from deepwright.core.errors import RecipeError, did_you_mean
from deepwright.core.registry import Registry

__all__ = ["Draft", "configured", "describe", "split_path", "unknown_key"]

Path_ = tuple[str | int, ...]
C = TypeVar("C", bound=Config)
_DEEP = 1000  # nested parts that the quick parser still bears


@dataclass
class Draft:
    """Nested plain values.

    Args:
        value: the mapping. places: path → where it was written ("recipe.yaml, line 4", "--set train.batch").
    """

    value: dict[str, Any] = field(default_factory=dict)
    places: dict[Path_, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Draft":
        """A YAML file.

        Raises:
            RecipeError: not YAML, not a mapping, or a key twice.
        """
        try:
            text = path.read_text(encoding="utf-8")
            node, value = _parsed(text)
        except UnicodeDecodeError as error:
            raise RecipeError(f"{path.name} is not a text in UTF-8 (byte {error.start + 1}).") from error
        except RecursionError as error:
            raise RecipeError(f"{path.name}: it is nested too deeply.") from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            problem = getattr(error, "problem", None) or str(error).splitlines()[0]
            raise RecipeError(f"{path.name}{place}: this is not YAML: {problem}.") from error
        if not isinstance(value, dict) or node is None:
            raise RecipeError(f"{path.name}: a recipe is a mapping of keys to values, such as 'target: price'.")
        draft = cls(value)
        problems = list(draft._locate(node, (), path.name, {}))
        if problems:
            raise RecipeError(problems)
        return draft

    def _locate(self, node: yaml.Node, path: Path_, name: str, met: dict[int, bool]) -> Iterator[str]:
        """Note the place of every key; `met`: nodes that were met, and whether their inside is being looked at.

        Yields:
            What is wrong: keys that are there twice, parts that contain themselves.
        """
        if id(node) in met:  # an alias (*name): its keys lie where they were written first
            if met[id(node)]:
                yield f"{name}, line {node.start_mark.line + 1}: a part of it contains itself."
            return
        met[id(node)] = True
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                place = f"{name}, line {key.start_mark.line + 1}"
                if key.value in seen:
                    yield f"{place}: the key '{key.value}' is there twice."
                seen.add(key.value)
                self.places[(*path, key.value)] = place
                yield from self._locate(value, (*path, key.value), name, met)
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                self.places[(*path, number)] = f"{name}, line {value.start_mark.line + 1}"
                yield from self._locate(value, (*path, number), name, met)
        met[id(node)] = False

    def set(self, assignment: str) -> None:
        """Take `a.b=value` (value in YAML) from the command line.

        Raises:
            RecipeError: there is no '=', or the value is not YAML.
        """
        name, found, text = _divide(assignment)
        if not found or not name.strip():
            raise RecipeError(f"--set {assignment}: expected key=value, such as train.batch=64.")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            if text.lstrip()[:1] in ("", "[", "{", '"', "'"):
                raise RecipeError(f"--set {assignment}: '{text}' is not a value in YAML.") from error
            value = text.strip()  # "%d/%m/%Y": signs that YAML keeps for itself, but meant as a text
        self.put(split_path(name.strip()), value, f"--set {name.strip()}")

    def put(self, path: Path_, value: Any, place: str) -> None:
        """Set one value; a bare kind ("model: mlp") or path on the way becomes a mapping."""
        here = self.value
        for depth, key in enumerate(path[:-1]):
            inner = here.get(key)
            if isinstance(inner, str) and depth == 0 and key == "data":
                inner = {"source": inner}
                self.places[("data", "source")] = self.place(("data",))
            elif isinstance(inner, str) and path[: depth + 1] == ("data", "source"):
                inner = {"path": inner}
            elif isinstance(inner, str) and depth + 1 == len(path) - 1:
                inner = {"kind": inner}
            if not isinstance(inner, dict):
                inner = {}
            here[key] = inner  # type: ignore[index]
            here = inner
        here[path[-1]] = value  # type: ignore[index]
        self.places[path] = place

    def settle_budget(self) -> None:
        """One budget of `train.budget`, `train.epochs` and `train.steps`: a flag wins over what is in a file.

        Raises:
            RecipeError: it is named twice at the same rank.
        """
        train = self.get("train")
        named = [key for key in ("budget", "epochs", "steps") if isinstance(train, dict) and key in train]
        places = {key: self.place(("train", key)) for key in named}
        flags = [key for key in named if ", line " not in places[key] and places[key] != "recipe"]
        rest = flags or named
        if len(rest) > 1:
            where = " and ".join(dict.fromkeys(places[key] for key in rest))
            raise RecipeError(f"{where}: how long to train is said {len(rest)} times ({', '.join(rest)}). Say it once.")
        for key in named:
            if key not in rest:
                del train[key]
        for unit in {"epochs", "steps"} & set(rest):
            self.put(("train", "budget"), f"{train.pop(unit)} {unit}", places[unit])

    def get(self, *path: str | int) -> Any:
        """The value at a path, or None."""
        here: Any = self.value
        for key in path:
            if not isinstance(here, Mapping) or key not in here:
                return None
            here = here[key]
        return here

    def has(self, *path: str | int) -> bool:
        above = self.get(*path[:-1])
        return bool(path) and isinstance(above, Mapping) and path[-1] in above

    def place(self, path: Path_) -> str:
        """Where the nearest enclosing key was written."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        inner = (place for known, place in self.places.items() if known[: len(path)] == path)
        return next(inner, "recipe")


def _divide(assignment: str) -> tuple[str, str, str]:
    """Name, "=" and value; an equals sign inside quotes belongs to the name."""
    quoted = False
    for place, sign in enumerate(assignment):
        quoted ^= sign == '"'
        if sign == "=" and not quoted:
            return assignment[:place], "=", assignment[place + 1 :]
    return assignment, "", ""


def split_path(name: str) -> tuple[str, ...]:
    """The parts of a dotted name; quotes keep dots: 'features."Blood. Pressure".kind'.

    >>> split_path('features."a.b".kind')
    ('features', 'a.b', 'kind')
    """
    parts, part, quoted = [], "", False
    for sign in name:
        if sign == '"':
            quoted = not quoted
        elif sign == "." and not quoted:
            parts.append(part)
            part = ""
        else:
            part += sign
    return (*parts, part)


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    """The document and its value, by the parser in C where there is one, eight times as quick.

    It knows no limit of depth and its complaints say less: what may be deep, or is wrong, is left to the other.
    """
    indents = (len(line) - len(line.lstrip(" -?")) for line in text.splitlines())
    if max(indents, default=0) + sum(map(text.count, "[{?")) < _DEEP and hasattr(yaml, "CSafeLoader"):
        with suppress(yaml.YAMLError):
            return _loaded(yaml.CSafeLoader(text))
    return _loaded(yaml.SafeLoader(text))


def _loaded(loader: Any) -> tuple[yaml.Node | None, Any]:
    node = loader.get_single_node()
    return node, None if node is None else loader.construct_document(node)


def configured(kind: type[C], given: Mapping[str, Any], places: Mapping[str, str] | None = None) -> C:
    """Settings of a kind; others than those given keep their defaults.

    Args:
        places: where each was written, for sentences; None: in a call.

    Raises:
        RecipeError: a value out of its range, or a setting that is none.
    """
    known = dict.fromkeys(given, "the call") if places is None else places
    try:
        return kind(**given)
    except ValidationError as error:
        raise describe(error, Draft(dict(given), {(name,): place for name, place in known.items()}), kind) from error


def describe(error: ValidationError, draft: Draft, root: type[Config]) -> RecipeError:
    """All problems as sentences: where, what, what was expected."""
    order = {place: number for number, place in enumerate(draft.places.values())}
    errors = [{**one, "loc": _plain(one["loc"])} for one in error.errors()]
    errors = _joined(errors)
    errors = sorted(errors, key=lambda one: order.get(draft.place(one["loc"]), 0))
    deeper = {one["loc"] for one in errors if one["type"] not in _TYPES}  # of alternatives, not the plain text
    errors = [
        one
        for one in errors
        if one["type"] != "string_type" or not any(d[: len(one["loc"])] == one["loc"] for d in deeper)
    ]
    return RecipeError(list(dict.fromkeys(_sentence(one, draft, root) for one in errors)))


def _joined(errors: list[Any]) -> list[Any]:
    """One error a place where a value fits none of several alternatives; none where a part of it tells more."""
    kept: list[Any] = []
    for one in errors:
        literal = one["type"] == "literal_error"
        if literal and any(other["loc"][: len(one["loc"])] == one["loc"] != other["loc"] for other in errors):
            continue
        twin = next((k for k in kept if k["loc"] == one["loc"] and k["type"] == "literal_error"), None)
        if twin is None or literal:
            kept.append(one)
        else:
            words = _TYPES.get(one["type"]) or one["msg"].removeprefix("Value error, ").replace(
                "Input should be", "expected"
            )
            twin["msg"] = f"{twin['msg']}, or {words.removeprefix('expected ')}"
    return kept


_ALTERNATIVE = re.compile(
    r"(str|int|float|bool|constrained-\w+|(literal|function-\w+|dict|list|tuple|nullable)\[.*\])$"
)


def _plain(path: Path_) -> Path_:
    """A path without the names that pydantic gives to alternatives (never at the place of a column's name)."""
    first, rest = path[:2], path[2:]
    return (*first, *(part for part in rest if not (isinstance(part, str) and _ALTERNATIVE.match(part))))


def unknown_key(path: Path_, draft: Draft, known: Sequence[str]) -> str:
    """The sentence about a key that nobody knows."""
    return f"{draft.place(path)}: there is no key '{path[-1]}'{_inside(path)}. {did_you_mean(str(path[-1]), known)}"


_TYPES = {
    "int_parsing": "a whole number", "int_type": "a whole number", "int_from_float": "a whole number",
    "float_parsing": "a number", "float_type": "a number", "finite_number": "a number",
    "bool_parsing": "true or false", "bool_type": "true or false", "string_type": "a text",
    "tuple_type": "a list", "list_type": "a list", "dict_type": "keys with values", "model_type": "keys with values",
    "model_attributes_type": "keys with values", "none_required": "nothing (null)",
}  # fmt: skip
_RANGES = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")


def _sentence(one: Any, draft: Draft, root: type[Config]) -> str:
    path: Path_ = tuple(one["loc"])
    where, name = draft.place(path), ".".join(str(part) for part in path)
    if one["type"] == "extra_forbidden":
        return unknown_key(path, draft, _keys(path[:-1], draft, root))
    if one["type"] == "missing":
        return f"{where}: '{path[-1]}' is missing{_inside(path)}."
    message = one["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if one["type"] in _RANGES:
        message = f"expected {_range(path, draft, root) or message.replace('Input should be ', '')}"
    elif one["type"] in _TYPES:
        message = f"expected {_TYPES[one['type']]}"
    message = _plain_range(message.replace("Input should be", "expected").rstrip("."))
    got = one.get("input")
    shown = "" if isinstance(got, dict | list) or one["type"] in ("kind", "written") else f"; got {got!r}"
    if one["type"] == "literal_error" and isinstance(got, str):
        near = did_you_mean(got, re.findall(r"'([^']*)'", message))
        shown += f". {near}" if near.startswith("Did") else ""
    named = where if where in (f"-{name}", f"--{name}", f"--set {name}") else f"{where}: {name}"
    return f"{named}: {message}{shown}{'' if (message + shown)[-1] in '.?' else '.'}"


def _range(path: Path_, draft: Draft, root: type[Config]) -> str:
    """The allowed range of a number in words, from the setting's own bounds."""
    settings = _settings(path[:-1], draft, root)
    entry = None if settings is None else settings.model_fields.get(str(path[-1]))
    if entry is None:
        return ""
    bounds = {
        name: getattr(one, name) for one in entry.metadata for name in ("gt", "ge", "lt", "le") if hasattr(one, name)
    }
    low = f"{bounds['ge']:g} or more" if "ge" in bounds else f"more than {bounds['gt']:g}" if "gt" in bounds else ""
    high = f"at most {bounds['le']:g}" if "le" in bounds else f"less than {bounds['lt']:g}" if "lt" in bounds else ""
    return " and ".join(part for part in (low, high) if part)


def _plain_range(text: str) -> str:
    """Bounds in fewer words: "greater than or equal to 0" is "0 or more"."""
    text = re.sub(r"greater than or equal to (\S+?)(?=[;,.]?(\s|$))", r"\1 or more", text)
    text = re.sub(r"less than or equal to", "at most", text)
    return text.replace("greater than", "more than")


def _inside(path: Path_) -> str:
    return f" under '{'.'.join(str(part) for part in path[:-1])}'" if len(path) > 1 else ""


def _keys(path: Path_, draft: Draft, root: type[Config]) -> list[str]:
    """The keys known at a path."""
    settings = _settings(path, draft, root)
    if settings is None:
        return ["kind"]
    return [*settings.model_fields, *(("epochs", "steps") if path == ("train",) else ())]  # see `settle_budget`


def _settings(path: Path_, draft: Draft, root: type[Config]) -> type[Config] | None:
    """The settings class at a path; None where its kind is not known."""
    settings: type[Config] | None = root
    walked: Path_ = ()
    for part in path:
        walked = (*walked, part)
        entry = None if settings is None else settings.model_fields.get(str(part))
        if entry is None:
            break
        parts = [entry.annotation, *entry.metadata, *get_args(entry.annotation)]
        for inner in get_args(entry.annotation):
            parts += [*get_args(inner), *getattr(inner, "__metadata__", ())]
        registry = next((one for one in parts if isinstance(one, Registry)), None)
        settings = next((one for one in parts if isinstance(one, type) and issubclass(one, Config)), None)
        if registry is not None:
            where = path if str(path[0]) == "features" and len(path) > 1 else walked
            kind = draft.get(*where, "kind") if isinstance(draft.get(*where), dict) else draft.get(*where)
            settings = registry.get(kind) if kind in registry else None
            if where == path:
                break
    return settings
