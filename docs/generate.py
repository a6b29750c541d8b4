"""Writes docs/kinds.md and docs/commands.md from the code; with --check says whether they are fresh (exit code 1 if not).

python docs/generate.py [--check]
"""

import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
import yaml

import deepwright.verbs.kinds as known
from deepwright import registries
from deepwright.cli.main import group

FOLDER = Path(__file__).parent
HEAD = "<!-- Written by docs/generate.py; change the code, not this page. -->\n"


def kinds_page() -> str:
    """Every kind of every noun: what it is, and its fields."""
    parts = [HEAD, "# Kinds\n\nEverything a recipe can name, from the code's own words.\n"]
    for noun in known.NOUNS:
        parts.append(f"\n## {noun.capitalize()}\n")
        for settings in getattr(registries, noun):
            kind = settings.model_fields["kind"].default
            parts.append(f"\n### {kind}\n\n{_paragraphs(inspect.getdoc(settings) or '')}\n")
            fields = {name: field for name, field in settings.model_fields.items() if name != "kind"}
            if fields:
                parts.append("\n| field | default | allowed |\n|---|---|---|\n")
                parts += [f"| `{name}` | {_default(field)} | {_allowed(field)} |\n" for name, field in fields.items()]
    return "".join(parts)


def _paragraphs(text: str) -> str:
    """A docstring as Markdown: the list of arguments becomes one."""
    lines = []
    for line in text.splitlines():
        if line.strip() in ("Args:", "Raises:", "Returns:"):
            lines.append("")
        elif line.startswith("        "):
            lines[-1] += " " + line.strip()
        elif line.startswith("    "):
            lines.append(f"- {line.strip()}")
        else:
            lines.append(line)
    return "\n".join(lines).replace("|", "\\|")


def _default(field: Any) -> str:
    """The default as a recipe writes it."""
    if field.is_required():
        return "required"
    value = field.get_default()
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    elif hasattr(value, "unit"):  # a budget or a size
        value = str(value)
    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=1000, allow_unicode=True)
    return f"`{text.removesuffix('...' + chr(10)).strip()}`".replace("|", "\\|")


_PLAIN = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path", type(None): "nothing",
          Any: "anything"}  # fmt: skip
_SIGNS = {"Ge": "≥", "Gt": ">", "Le": "≤", "Lt": "<"}


def _allowed(field: Any) -> str:
    return _words(field.annotation, field.metadata)


def _words(kind: Any, metadata: Iterable[Any] = ()) -> str:
    """A type as people say it: `tuple[int, ...] | None` is "list of whole numbers, or nothing"."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        inner = [one for extra in parts[1:] for one in getattr(extra, "metadata", [extra])]
        return _words(parts[0], [*inner, *metadata])
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (Union, UnionType):
        return ", or ".join(_words(part, metadata) for part in sorted(parts, key=lambda part: part is type(None)))
    if origin is tuple:
        if parts[-1] is Ellipsis:
            return f"list, each: {_words(parts[0])}"
        return f"list of {len(parts)}, each: {_words(parts[0])}"
    if origin is dict:
        return f"names, each with: {_words(parts[1])}"
    word = _PLAIN.get(kind, f"`{kind.__name__.lower()}` with its fields" if isinstance(kind, type) else str(kind))
    bounds = [f"{_SIGNS[type(one).__name__]} {_bound(one):g}" for one in metadata if type(one).__name__ in _SIGNS]
    return " ".join([word, ", ".join(bounds)]).strip() if kind in (int, float) else word


def _bound(one: Any) -> float:
    return getattr(one, type(one).__name__.lower())


def commands_page() -> str:
    """The help of every command."""
    parts = [HEAD, "# Commands\n"]
    for name, command in group.commands.items():
        context = click.Context(command, info_name=f"deepwright {name}", max_content_width=100, terminal_width=100)
        parts.append(f"\n## {name}\n\n```\n{command.get_help(context)}\n```\n")
    return "".join(parts)


def main() -> int:
    """The exit code."""
    stale = []
    for name, text in (("kinds.md", kinds_page()), ("commands.md", commands_page())):
        path = FOLDER / name
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8", newline="\n")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"Not fresh: {', '.join(stale)}. Write them with: python docs/generate.py", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
