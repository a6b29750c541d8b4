"""Colours of both themes, after Okabe and Ito (2008), shifted where they would be too faint on their background.

Never the only sign: series also differ by dashes and markers, tones by words, heat by the numbers in its cells.
"""

__all__ = ["HEAT_LEVELS", "SERIES", "THEMES", "contrast", "heat", "theme_css"]

SERIES = 6  # colours before they repeat
HEAT_LEVELS = 10  # steps from nothing to most

THEMES: dict[str, dict[str, str]] = {
    "light": {
        "ground": "#f5f6f8", "card": "#ffffff", "ink": "#1b2027", "soft": "#545f6c",
        "rule": "#dde2e8", "accent": "#0a5ea8",
        "s0": "#0072b2", "s1": "#c75000", "s2": "#00835f", "s3": "#b4508e", "s4": "#4a525c", "s5": "#5c4a00",
        "good": "#0b6e45", "good-ground": "#e8f5ee", "warning": "#7a4f00", "warning-ground": "#fdf3dd",
        "bad": "#a4231b", "bad-ground": "#fdecea", "more": "#08488a", "less": "#9c3c00",
    },
    "dark": {
        "ground": "#101317", "card": "#191d23", "ink": "#e7eaee", "soft": "#a6b0bc",
        "rule": "#333b46", "accent": "#7fc0fa",
        "s0": "#56b4e9", "s1": "#f08c42", "s2": "#2fc79b", "s3": "#e58fc3", "s4": "#8b95a1", "s5": "#f0e442",
        "good": "#66d6a3", "good-ground": "#14291f", "warning": "#f2bd57", "warning-ground": "#2d2412",
        "bad": "#ff9d94", "bad-ground": "#341a18", "more": "#8ccbff", "less": "#ffb07a",
    },
}  # fmt: skip


def contrast(one: str, other: str) -> float:
    """The WCAG 2 contrast ratio of two colours "#rrggbb", 1 to 21."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [value / 255 for value in bytes.fromhex(colour[1:])]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mix(one: str, other: str, share: float) -> str:
    pairs = zip(bytes.fromhex(one[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def heat(theme: str) -> dict[str, tuple[str, str]]:
    """Fill and text colour of each level: "h0" … for positive values, "m1" … for negative ones."""
    colours = THEMES[theme]
    fills = {f"h{k}": _mix(colours["card"], colours["more"], k / HEAT_LEVELS) for k in range(HEAT_LEVELS + 1)}
    fills |= {f"m{k}": _mix(colours["card"], colours["less"], k / HEAT_LEVELS) for k in range(1, HEAT_LEVELS + 1)}
    return {
        name: (fill, max(("#000000", "#ffffff"), key=lambda ink: contrast(ink, fill))) for name, fill in fills.items()
    }


def _variables(theme: str) -> str:
    parts = [f"--{name}:{colour}" for name, colour in THEMES[theme].items()]
    for name, (fill, ink) in heat(theme).items():
        parts += [f"--{name}:{fill}", f"--{name}-ink:{ink}"]
    return ";".join([f"color-scheme:{theme}", *parts])


def theme_css() -> str:
    """The variables of both themes, chosen by the system, by `data-theme` or by the notebook's own theme."""
    light, dark = _variables("light"), _variables("dark")
    levels = [f"h{k}" for k in range(HEAT_LEVELS + 1)] + [f"m{k}" for k in range(1, HEAT_LEVELS + 1)]
    rules = [
        f".dw{{{light}}}",
        f"@media (prefers-color-scheme:dark){{.dw{{{dark}}}}}",
        f'[data-theme="light"] .dw,[data-jp-theme-light="true"] .dw,.vscode-light .dw{{{light}}}',
        f'[data-theme="dark"] .dw,[data-jp-theme-light="false"] .dw,.vscode-dark .dw{{{dark}}}',
        f"@media print{{.dw,[data-theme] .dw{{{light}}}}}",
        *(f".dw .s{k}{{--c:var(--s{k})}}" for k in range(SERIES)),
        *(f".dw .{name}{{fill:var(--{name})}}.dw .{name}-ink{{fill:var(--{name}-ink)}}" for name in levels),
    ]
    return "\n".join(rules)
