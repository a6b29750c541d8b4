"""The report of an arena: families and controls in one table, what is certain, who had how much time, who failed."""

from typing import Any

from deepwright.core.report import Chart, Grid, Report, Text
from deepwright.verbs.arena.folder import Entrant
from deepwright.verbs.arena.report import arena_report
from tests.verbs.arena.conftest import about, entrant, figure


def texts(report: Report, tone: str) -> list[str]:
    return [block.text for block in report.blocks if isinstance(block, Text) and block.tone == tone]


def grids(report: Report) -> dict[str, Grid]:
    return {block.title: block for block in report.blocks if isinstance(block, Grid)}


def test_one_table_holds_families_in_their_order_and_every_control_in_the_same_columns() -> None:
    report = arena_report([entrant("gan", 0.4), entrant("flow", 0.1)], about())
    assert Report.from_dict(report.to_dict()) == report
    table = next(iter(grids(report).values()))
    assert [row[0] for row in table.rows] == [
        "flow", "gan", "training rows (floor)", "Gaussian copula", "mixtures of neighbours (SMOTE)",
    ]  # fmt: skip
    assert table.columns[:2] == ("family", "distance")
    heads = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert heads["flow"]["distance"].startswith("0.100 [0.050,")
    assert heads["Gaussian copula"]["distance"].startswith("0.500 [0.450,")
    assert heads["gan"]["processor time"] == "100 s"
    assert (heads["gan"]["weights"], heads["gan"]["run"]) == ("1234", "cars-gan")
    assert all(heads["Gaussian copula"][head] not in ("–", "") for head in ("columns", "pairs", "told apart", "useful"))
    assert (grids(report)["Real rows"].raw, grids(report)["Created by gan"].raw) == (True, False)
    (chart,) = (block for block in report.blocks if isinstance(block, Chart))
    assert chart.series[0].x[:2] == ("flow", "gan")
    assert chart.series[0].high[0] == figure(0.1)["high"]


def test_the_verdict_says_who_cannot_be_told_apart_and_what_plain_ways_are_as_good() -> None:
    assert arena_report([entrant("flow", 0.1), entrant("gan", 0.4)], about()).data["verdict"] == (
        "'flow' is nearest to real examples; the intervals of the others lie beyond its own. "
        "It is nearer than the plain way: Gaussian copula."
    )
    close = arena_report([entrant("flow", 0.3), entrant("gan", 0.38)], about())
    assert close.data["verdict"] == (
        "'flow' is nearest to real examples, but gan cannot be told from it by these intervals. "
        "It is nearer than the plain way: Gaussian copula. As near or nearer, but hardly new: mixtures of neighbours (SMOTE)."
    )
    assert close.data["verdict"] in texts(close, "good")
    near = arena_report([entrant("flow", 0.42)], about())
    assert "By these intervals it cannot be told from the plain way: Gaussian copula." in texts(near, "plain")[0]
    far = arena_report([entrant("flow", 0.6)], about())
    assert "As near or nearer without any training: Gaussian copula." in texts(far, "warning")[0]
    assert arena_report([entrant("flow", 0.1)], about()).data["verdict"].startswith("'flow' created alone. ")


def test_processor_times_that_differ_are_warned_of_unless_a_family_ended_by_itself() -> None:
    equal = arena_report([entrant("flow", 0.1, 100.0), entrant("gan", 0.4, 91.0)], about())
    assert texts(equal, "warning") == []
    assert (
        "10min: 100 s; 2 trainings at a time, each with 1 thread. Processor time: flow 100 s, gan 91 s."
        in texts(equal, "plain")[0]
    )
    busy = [entrant("flow", 0.1, 100.0), entrant("gan", 0.4, 89.0)]
    (warning,) = texts(arena_report(busy, about()), "warning")
    assert warning.startswith(
        "The processor times are not equal: 'gan' had 89 s, 'flow' 100 s. Something else was busy"
    )
    early = arena_report(busy, about(gan="early stopping"))
    assert texts(early, "warning") == []
    assert "gan ended before the time was over: nothing better came any more." in texts(early, "plain")


def test_a_family_that_failed_stands_there_with_its_sentence_and_the_others_are_compared() -> None:
    lost = Entrant("vae", "runs/cars-3", "failed", "The loss left for good.")
    report = arena_report([lost, entrant("flow", 0.1)], about())
    assert texts(report, "bad") == ["'vae' is not compared: The loss left for good."]
    assert [one["model"] for one in report.data["entrants"]] == ["flow", "vae"]
    assert report.data["entrants"][1]["reason"] == "The loss left for good."


def test_where_nothing_could_be_measured_it_is_said_once() -> None:
    report = arena_report([entrant("flow", None), entrant("gan", None)], about())
    assert report.data["verdict"] == "2 families created; nothing could be measured."
    assert texts(report, "warning") == ["Too few rows."]
    assert report.data["entrants"][0]["measured"] is None


def test_the_picture_has_a_row_a_family_and_a_row_of_real_examples() -> None:
    def picture(name: str) -> Any:
        made = entrant(name, 0.1)
        assert made.compared is not None
        shown = {"pictures": {"image": [f"{name} {k}" for k in range(3)]}, "cells": {}}
        return Entrant(**{**vars(made), "compared": {**made.compared, "shown": shown}})

    told = about()
    told = type(told)(**{**vars(told), "real": {"pictures": {"image": ["real 0", "real 1", "real 2"]}, "cells": {}}})
    report = arena_report([picture("gan"), picture("flow")], told)
    whole = grids(report)["The same seeds in each family, and real examples"]
    assert whole.raw, "it holds pictures of the person's own"
    assert [row[0] for row in whole.rows] == ["gan", "flow", "real examples"]
    assert [row[2] for row in whole.rows] == ["gan 1", "flow 1", "real 1"]
