"""Writes docs/kinds.md and docs/commands.md from the code; with --check says whether they are fresh (exit code 1 if not).

python docs/generate.py [--check]
"""

import inspect
import sys
from pathlib import Path
from typing import Any

import click

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
    value = field.get_default()
    if field.is_required():
        return "required"
    text = (
        repr(value.model_dump())
        if hasattr(value, "model_dump")
        else str(value)
        if hasattr(value, "unit")
        else repr(value)
    )
    return f"`{text}`".replace("|", "\\|")


def _allowed(field: Any) -> str:
    words = (
        str(field.annotation)
        .replace("typing.", "")
        .replace("<class '", "")
        .replace("'>", "")
        .replace("NoneType", "None")
    )
    signs = {"Ge": "≥", "Gt": ">", "Le": "≤", "Lt": "<"}
    bounds = [f"{signs[type(m).__name__]} {next(iter(vars(m).values())) if hasattr(m, '__dict__') else getattr(m, type(m).__name__.lower())}"
              for m in field.metadata if type(m).__name__ in signs]  # fmt: skip
    return f"{words}{', ' if bounds else ''}{', '.join(bounds)}".replace("|", "or").replace("deepwright.", "")


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
