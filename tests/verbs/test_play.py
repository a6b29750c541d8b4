"""Play: the game, its page on this computer alone, and what is kept of it."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from deepwright.core.errors import DataError, InputError, Refused
from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.verbs.play.game import Game, Round, new_game, wilson
from deepwright.verbs.play.hall import Hall
from deepwright.verbs.play.record import play_report
from deepwright.verbs.report import write_report
from deepwright.verbs.train import train
from tests.page.browser import Browser, chromium

DOT = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    chance = np.random.default_rng(0)
    pixels = (chance.normal(size=(120, 8, 8)).cumsum(1) * 20 + 128).clip(0, 255).astype(np.uint8)
    draft = Draft()
    for one in ("model={kind: gan, width: 4, latent: 6}", "train.budget=4steps", "train.batch=16"):
        draft.set(one)
    table = pl.DataFrame({"image": pl.Series(pixels, dtype=pl.Array(pl.UInt8, (8, 8)))})
    return train(draft, table, out=tmp_path_factory.mktemp("runs"))


def game(truth: list[bool]) -> Game:
    return Game(0, [Round((DOT,), (("town", "Bern <b>"),), made) for made in truth])


def test_wilson_intervals_are_those_of_the_formula() -> None:
    assert wilson(14, 20) == pytest.approx((0.4810, 0.8545), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_game_has_cards_of_both_kinds_and_nothing_tells_them_apart_but_the_picture(run: Run) -> None:
    one, again, other = (new_game(run, 12, seed) for seed in (3, 3, 4))
    assert one.rounds == again.rounds != other.rounds
    made = [card.made for card in one.rounds]
    assert 0 < sum(made) < 12
    assert len({card.pictures for card in one.rounds}) == 12
    assert all(card.pictures[0].startswith("data:image/png;base64,") and not card.cells for card in one.rounds)
    with pytest.raises(DataError, match=r"has \d+ held-out examples; a game of 400 cards needs as many"):
        new_game(run, 400, 0)
    answers: Any = SimpleNamespace(name="cars", recipe=SimpleNamespace(model=SimpleNamespace(learns="target")))
    with pytest.raises(Refused, match="answers, it does not create"):
        new_game(answers, 4, 0)


def test_a_card_of_rows_has_a_cell_a_column_words_among_them(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    table = pl.DataFrame({"age": chance.integers(0, 99, 160), "town": chance.choice(["Bern", "Chur", "Basel"], 160)})
    draft = Draft()
    for one in ("model={kind: vae, width: 8, latent: 2}", "train.budget=4steps", "train.batch=16"):
        draft.set(one)
    played = new_game(train(draft, table, out=tmp_path), 12, 0)
    assert {card.made for card in played.rounds} == {True, False}
    for card in played.rounds:
        cells = dict(card.cells)
        assert list(cells) == ["age", "town"]
        assert cells["town"] in (("Bern", "Chur", "Basel", "–") if card.made else ("Bern", "Chur", "Basel"))


def test_answers_are_taken_in_turn_and_counted() -> None:
    played = game([True, False, True, True])
    assert played.answer(0, True)
    for wrong in (0, 2):
        with pytest.raises(ValueError, match="it is the turn of card 1"):
            played.answer(wrong, True)
    assert [played.answer(1, True), played.answer(2, False), played.answer(3, True)] == [False, False, True]
    assert played.over
    assert played.to_dict() == {"seed": 0, "rounds": 4, "right": 2, "made": 3, "made_told": 2}


def test_games_of_the_same_weights_add_up_in_the_run(run: Run) -> None:
    for right in (3, 4):
        played = game([True] * 4)
        for number in range(4):
            played.answer(number, number < right)
        report = play_report(run, played)
        run.save_report(report)
    assert (report.data["rounds"], report.data["right"], len(report.data["games"])) == (8, 7, 2)
    accuracy = report.data["accuracy"]
    assert (accuracy["low"], accuracy["high"]) == wilson(7, 8)
    assert "Real or made?" in write_report(run).read_text(encoding="utf-8")
    (run.folder / "reports" / "play.json").unlink()


@pytest.fixture
def hall() -> Iterator[tuple[Hall, list[Game]]]:
    kept: list[Game] = []

    def keep(played: Game) -> str:
        kept.append(played)
        return "Kept <i>here</i>."

    with Hall("run & <b>", lambda: game([True, False, True, False]), keep) as one:
        yield one, kept


def asked(url: str, body: object = None, **headers: str) -> tuple[int, str]:
    data = None if body is None else json.dumps(body).encode()
    more = {"Content-Type": "application/json"} if data else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, {**more, **headers}), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_page_is_for_this_computer_and_whoever_has_the_address(hall: tuple[Hall, list[Game]]) -> None:
    one, kept = hall
    root = f"http://127.0.0.1:{one.port}/"
    assert one.address.startswith(root)
    assert asked(root)[0] == asked(f"{root}card")[0] == asked(f"{root}wrong/card")[0] == 404
    assert asked(f"{one.address}card", Host="evil.example")[0] == 403
    assert asked(f"{one.address}../../etc/passwd")[0] == 404
    status, card = asked(f"{one.address}card")
    assert status == 200
    assert json.loads(card) == {"card": 0, "of": 4, "score": 0, "low": 0.0, "high": 1.0, "over": False, "pictures": [DOT],
                                "cells": [["town", "Bern <b>"]]}  # fmt: skip
    for wrong in (
        {},
        [],
        {"card": 0},
        {"card": "0", "made": True},
        {"card": 1, "made": True},
        {"card": True, "made": True},
    ):
        assert asked(f"{one.address}answer", wrong)[0] == 400
    assert asked(f"{one.address}answer", {"card": 0, "made": True, "more": "x" * 2000})[0] == 400
    assert asked(f"{one.address}answer", {"card": 0, "made": True}, **{"Content-Type": "text/plain"})[0] == 400
    for number in range(4):
        status, told = asked(f"{one.address}answer", {"card": number, "made": True})
        assert json.loads(told)["made"] is (number % 2 == 0)
    assert json.loads(told)["kept"] == "Kept <i>here</i>."
    assert [played.right for played in kept] == [2]
    assert asked(f"{one.address}answer", {"card": 4, "made": True})[0] == 400
    assert json.loads(asked(f"{one.address}again", {})[1])["card"] == 0


def test_a_port_that_is_taken_is_told(hall: tuple[Hall, list[Game]]) -> None:
    with pytest.raises(InputError, match=r"cannot be used .*Leave --port out"):
        Hall("x", lambda: game([True]), lambda _: "", hall[0].port)


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1100])
def test_it_is_played_with_keys_buttons_and_touch(hall: tuple[Hall, list[Game]], width: int, tmp_path: Path) -> None:
    path = chromium()
    if path is None:
        pytest.skip("chromium is not installed")
    one, kept = hall
    with Browser(path) as browser:
        browser.open(SimpleNamespace(as_uri=lambda: one.address), width)  # type: ignore[arg-type]
        until(browser, "document.querySelectorAll('#stage img').length == 1")
        assert browser.run("document.body.scrollWidth <= innerWidth")
        assert browser.run("document.title") == "Real or made? · run & <b>"
        assert browser.run("document.querySelector('#stage td:last-child').textContent") == "Bern <b>"
        press = "document.dispatchEvent(new KeyboardEvent('keydown', {key: '%s'}))"
        browser.run(press % "ArrowRight")
        until(browser, "document.getElementById('told').textContent == 'Right: it was made.'")
        browser.run(press % "m")
        until(browser, "document.getElementById('told').textContent == 'Wrong: it is real.'")
        browser.run("document.getElementById('made').click()")
        until(browser, "document.getElementById('count').textContent == 'Card 4 of 4, 2 right so far'")
        browser.run("""(() => { const stage = document.getElementById('stage');
            const at = (kind, x) => { const event = new Event(kind); event.changedTouches = [{clientX: x}]; stage.dispatchEvent(event); };
            at('touchstart', 200); at('touchend', 100); })()""")
        until(browser, "document.getElementById('result') !== null")
        assert browser.run("document.getElementById('result').textContent").startswith("3 of 4 right: 75 %")
        assert "Kept <i>here</i>." in browser.run("document.getElementById('stage').textContent")
        assert browser.run("document.activeElement.id") == "again"
        browser.picture(tmp_path / "over.png")
        browser.run("document.getElementById('again').click()")
        until(browser, "document.getElementById('count').textContent == 'Card 1 of 4'")
        assert browser.complaints() == []
        assert all(url.startswith(one.address) for url in browser.fetched())
    assert [played.right for played in kept] == [3]


def until(browser: Browser, script: str) -> None:
    """Wait for something in the page."""
    for _ in range(600):
        if browser.run(f"Boolean({script})"):
            return
        time.sleep(0.05)
    raise AssertionError(f"never: {script}; {browser.run('document.body.innerText')}")
