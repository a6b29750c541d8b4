"""report.html: one file, offline, safe with hostile values, light and dark, for screens, phones and paper."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from deepwright.core.report import Block, Grid, Pictures, Report
from deepwright.page.blocks import blocks_html
from deepwright.page.colours import theme_css
from deepwright.page.markup import tag, trimmed, words

__all__ = ["fragment", "page"]


def page(title: str, reports: Sequence[Report], about: Mapping[str, str] = {}, rows: bool = True) -> str:
    """One self-contained HTML document; its own policy forbids every connection and every other script.

    Args:
        reports: shown below each other; several get a table of contents that stays in view.
        about: what this is about (data, target, model, date, version), shown under the title.
        rows: False leaves out every block with rows or pictures of the person's own data, and says how many.
    """
    shown = [(report, [block for block in report.blocks if rows or not _is_raw(block)]) for report in reports]
    left_out = sum(len(report.blocks) - len(blocks) for report, blocks in shown)
    several = len(reports) > 1
    button = tag("button", "Dark colours", type="button", id="theme", class_="theme", hidden="")
    header = tag(
        "header", tag("div", tag("h1", words(title)), button, class_="top"), _about(about), _left_out(left_out)
    )
    main = tag("main", *(_section(place, *one) for place, one in enumerate(shown, 1)))
    body = tag("div", _contents(reports) + main, class_="several") if several else main
    return "<!doctype html>\n" + tag(
        "html",
        _head(title),
        tag("body", tag("div", header, body, class_="outer"), tag("script", _script()), class_="dw"),
        lang="en",
    )


def fragment(report: Report) -> str:
    """The report for a notebook: styles that touch nothing else, and give way to none of the notebook's own; no script."""
    styles = _styles("notebook.css", "blocks.css").replace(".dw", ".dw" * 3)  # more specific than rules of notebooks
    parts = [tag("style", styles), tag("h2", words(report.title)), blocks_html(report.blocks)]
    return tag("div", *parts, class_="dw fragment")


def _is_raw(block: Block) -> bool:
    return isinstance(block, Grid | Pictures) and block.raw


def _head(title: str) -> str:
    styles, script = _styles("blocks.css", "page.css"), _script()
    policy = (
        f"default-src 'none'; style-src {_digest(styles)}; script-src {_digest(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("link", rel="icon", href="data:,"),
        tag("title", words(title)),
        tag("style", styles),
    )


@cache
def _styles(*names: str) -> str:
    return "\n".join([theme_css(), *(_stored(name) for name in names)])


@cache
def _script() -> str:
    return _stored("theme.js")


def _stored(name: str) -> str:
    return files("deepwright.page").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _about(about: Mapping[str, str]) -> str:
    if not about:
        return ""
    pairs = []
    for key, value in about.items():
        short, whole = trimmed(str(value), 200)
        pairs.append(tag("div", tag("dt", words(key)), tag("dd", words(short), title=whole)))
    return tag("dl", *pairs, class_="about")


def _left_out(count: int) -> str:
    if not count:
        return ""
    blocks = "1 block" if count == 1 else f"{count} blocks"
    return tag("p", f"{blocks} with rows or pictures of the data left out on request.", class_="note left-out")


def _contents(reports: Sequence[Report]) -> str:
    links = [
        tag("li", tag("a", words(trimmed(report.title, 60)[0]), href=f"#report-{place}"))
        for place, report in enumerate(reports, 1)
    ]
    return tag("nav", tag("ol", *links), aria_label="Contents")


def _section(place: int, report: Report, blocks: Sequence[Block]) -> str:
    heading = tag("h2", words(report.title), id=f"report-{place}-title")
    name = f"report-{place}"
    return tag("section", heading, blocks_html(blocks), id=name, aria_labelledby=f"{name}-title")
