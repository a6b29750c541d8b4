"""Columns that look personal are masked in terminal and page unless they are asked for."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.cli.conftest import BUDGET, Cli

SECRET = ("ann-", "@mail.example", "+49 30 ")


@pytest.fixture
def people(here: Path) -> Path:
    chance = np.random.default_rng(0)
    rows = 120
    who = chance.integers(0, 30, rows)
    frame = pl.DataFrame(
        {
            "e-mail": [f"ann-{k}@mail.example" for k in who],
            "contact": [f"+49 30 {1000 + k} {k}" for k in who],
            "zip": [str(10000 + k) if k else "unknown place" for k in who],
            "size": chance.normal(0, 1, rows),
            "y": chance.normal(0, 1, rows) + who,
        }
    )
    frame.write_csv("people.csv")
    return Path("people.csv")


def secrets(text: str) -> list[str]:
    return [word for word in SECRET if word in text]


def test_personal_cells_are_masked_unless_asked_for(cli: Cli, people: Path) -> None:
    trained = cli("train", people, "--target", "y", *BUDGET)
    assert trained.code == 0, trained.err
    assert "Note: 'e-mail' looks personal: its cells are masked in reports." in trained.err
    run = Path("runs/people-1")

    def said() -> str:
        page = (run / "report.html").read_text(encoding="utf-8")
        return page + "".join(path.read_text(encoding="utf-8") for path in (run / "reports").iterdir())

    assert "••••" in said()
    for verb in ("evaluate", "explain", "attack"):
        answer = cli(verb, run)
        assert answer.code == 0, answer.err
        assert secrets(answer.out + answer.err) == []
    assert secrets(trained.out + trained.err + said()) == []
    inspected = cli("inspect", people, "--target", "y")
    assert secrets(inspected.out) == []
    assert "unknown place" not in inspected.out + trained.err + said()
    shown = cli("evaluate", run, "--show-personal")
    assert secrets(shown.out + said()) == list(SECRET)
    assert secrets(cli("inspect", people, "--target", "y", "--show-personal").out) == list(SECRET)
    assert cli("evaluate", run, "--quiet").code == 0
    assert secrets(said()) == []


def test_no_rows_leaves_out_rows(cli: Cli, here: Path, trained: dict[str, Path]) -> None:
    run = trained["label"]
    assert cli("report", run, "-o", "whole.html").code == cli("report", run, "--no-rows", "-o", "bare.html").code == 0
    whole, bare = (Path(name).read_text(encoding="utf-8") for name in ("whole.html", "bare.html"))
    titles = ("Worst errors", "Least sure answers")  # the second where every answer was right
    assert any(title in whole for title in titles)
    assert not any(title in bare for title in titles)
    assert "left out on request" in bare
