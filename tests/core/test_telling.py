"""Long work tells how far it is to whoever looks on."""

from deepwright.core.telling import counted, shown_by, tell


def test_pieces_are_told_after_they_were_worked_on() -> None:
    told: list[tuple[str, int, int]] = []
    with shown_by(lambda *one: told.append(one)):
        for piece in counted("reading", ["abc", "de"], 5, len):
            assert told[-1][1] == (0 if piece == "abc" else 3)
    assert told == [("reading", 0, 5), ("reading", 3, 5), ("reading", 5, 5)]


def test_nobody_has_to_look_on() -> None:
    told: list[object] = []
    with shown_by(lambda *one: told.append(one)):
        pass
    tell("reading", 1, 2)
    assert list(counted("reading", [[1], [2]], 2, len)) == [[1], [2]]
    assert told == []
