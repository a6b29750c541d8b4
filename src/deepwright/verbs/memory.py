"""The memory of a training: estimated before its first step, kept to where that costs little, refused where it cannot be.

What is there is measured (the program, the data); what will come is counted on copies (`training/footprint.py`): a step
on more and more rows, a validation, and the weights, averages and copies that a training holds. A limit is kept to by
reading less at once, by packed data on the disk instead of in memory, and by batches in pieces; the size of the pieces is
written into the recipe, since other sums have other last bits.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from deepwright.answering import rows_at_once
from deepwright.core.allocating import returned_at_once
from deepwright.core.errors import Refused
from deepwright.core.memory import free, give_back, peak, resident
from deepwright.core.size import Size, enough, told
from deepwright.core.wording import plural
from deepwright.data.pack import Packed
from deepwright.data.room import within
from deepwright.preparation import Prepared, values_of
from deepwright.recipe import Recipe
from deepwright.run import Run
from deepwright.training.distributed import Ranks
from deepwright.training.events import Estimated
from deepwright.training.footprint import FEW, Growth, growth
from deepwright.training.frozen import frozen_statistics
from deepwright.training.loop import Trainer
from deepwright.verbs.session import Session, Watch

__all__ = ["Needs", "afford", "expected", "kept", "needs", "reading", "unwritten"]

PROGRAM = 60_000_000  # bytes: what reading and training load besides
REST = 60_000_000  # bytes: buffers of kernels and allocators, figures, the report
UNSEEN = 1.25  # of what tensors take: room that operations take for themselves
LEAST = 4  # times the weights' bytes that come on top of them, whatever the optimiser
USUAL = 9  # times the weights' bytes in all, as a rule: Adam, an average, copies
LARGE = 6_000_000  # values of the rows of a first step, above which fewer are tried
LONG = 60  # seconds of a step, below which it is waited for whatever the budget is
FEWEST = 16  # rows a piece of a batch is not made smaller than, unless it must be
WHAT = {
    "program": "Python and torch", "data": "the data", "network": "the network with its optimiser, averages and copies",
    "work": "the rows it works on at once", "rest": "figures and the report",
}  # fmt: skip


@dataclass(frozen=True)
class Needs:
    """What a training takes besides the program and the data, in bytes.

    Args:
        network: weights, optimiser, averages, and the copies that are kept of them. step, answers: of so many rows at once.
        batch, asked: rows a step, and rows of a validation together. splits: whether a batch may be cut into pieces.
    """

    network: int
    step: Growth
    answers: Growth
    batch: int
    asked: int
    splits: bool

    def work(self, piece: int, asked: int) -> int:
        return round(UNSEEN * max(self.step.at(piece), self.answers.at(asked)))


@contextmanager
def reading(limit: Size | None) -> Iterator[None]:
    """Inside, data are read and packed so that the limit can be kept to.

    Raises:
        Refused: Python and torch alone take more.
    """
    if limit is not None and resident() + PROGRAM > limit.bytes:
        raise Refused(
            f"--memory {limit} is less than Python and torch take before any data is read ({told(resident() + PROGRAM)}). "
            f"Give at least {enough(resident() + 3 * PROGRAM)}."
        )
    with returned_at_once(), within(None if limit is None else limit.bytes):
        yield


@contextmanager
def keeping(limit: Size | None) -> Iterator[None]:
    """Inside, all that is done keeps to the limit: where data lie, and that nothing freed is kept for later."""
    with ExitStack() as held:
        if limit is not None:
            held.enter_context(returned_at_once())
        held.enter_context(within(None if limit is None else limit.bytes))
        yield


def afford(prepared: Prepared, program: int, device: torch.device, watch: Watch) -> tuple[Recipe, Estimated]:
    """The recipe with the pieces that its limit affords, and what is expected.

    Args:
        program: bytes that were held before the data was read.

    Raises:
        Refused: the limit cannot be kept to, or a step of large rows takes far longer than the budget.
    """
    train = prepared.recipe.train
    wanted, parts = _looked(unwritten(prepared), prepared.packed, program, device, train.memory, True)
    recipe, estimated = _fitted(prepared.recipe, wanted, parts)
    if train.memory is None:
        _warn(estimated, watch)
    elif recipe != prepared.recipe:
        watch.tell(f"keeping to {train.memory}: {_pieces(recipe)}")
    return recipe, estimated


def expected(prepared: Prepared, program: int, device: torch.device) -> Estimated:
    """The same without a limit: what whole batches take."""
    wanted, parts = _looked(unwritten(prepared), prepared.packed, program, device, None)
    return _estimated(wanted, parts, wanted.batch, wanted.asked, None)


def unwritten(prepared: Prepared) -> Run:
    """A run without a folder."""
    run = Run(Path(), prepared.recipe, prepared.features, prepared.task, prepared.data.examples)
    run.__dict__ |= {"parts": prepared.parts, "start": None}
    return run


def kept(run: Run, packed: Packed, program: int, device: torch.device) -> Estimated:
    """What is expected of a run that goes on, under its recipe's limit; nothing that is computed changes.

    Raises:
        Refused: the limit cannot be kept to.
    """
    train = run.recipe.train
    wanted, parts = _looked(run, packed, program, device, train.memory)
    piece, asked = train.micro_batch or wanted.batch, train.answer_batch or wanted.asked
    estimated = _estimated(wanted, parts, min(piece, wanted.batch), min(asked, wanted.asked), train.memory)
    if train.memory is not None and estimated.total > train.memory.bytes:
        raise Refused(_refusal(estimated, train.memory, "a run that goes on keeps the pieces it began with"))
    return estimated


def _looked(
    run: Run, packed: Packed, program: int, device: torch.device, limit: Size | None, begins: bool = False
) -> tuple[Needs, dict[str, int]]:
    """What will come, and what is there: the program with what torch loads when it first computes, and the data."""
    packed.let_go()
    data = max(0, resident() - program)
    wanted = needs(run, packed, device, limit, begins)
    packed.let_go()
    # what the copies took will be counted as what the training takes, not as what is there
    give_back(packed.bytes if limit is None else limit.bytes)
    return wanted, {"program": max(program, resident() - data), "data": data + packed.lingering}


def needs(run: Run, packed: Packed, device: torch.device, limit: Size | None, begins: bool = False) -> Needs:
    """Counted on copies, whose work stays within what the limit leaves.

    Args:
        begins: the training is a new one, which is refused where a step of large rows takes far longer than the budget.

    Raises:
        Refused: it is.
    """
    session = Session(run, packed, device, Watch(), Ranks())
    trainer = session.alone()
    values = values_of(run.features)
    large = FEW * values > LARGE
    first = min(max(2, LARGE // values) if large else FEW, trainer.feed.size)

    def step(rows: int) -> None:
        trainer.feed.size = rows
        trainer.advance()

    batch = trainer.feed.size
    weights = _bytes(trainer.network.state_dict())
    if limit is not None and resident() + LEAST * weights > limit.bytes:
        # no step is tried: already that would be too much
        none = Growth((1,), (0,))
        return Needs(USUAL * weights, none, none, batch, 1, not trainer.network.couples_rows)
    began = perf_counter()
    step(first)  # optimisers make their memory in the first step
    if large and begins:  # small rows' first step is mostly what comes once
        _check_step(run.recipe, (perf_counter() - began) * batch / first)
    most = None if limit is None else max(0, round((limit.bytes - resident()) / UNSEEN))
    grown = growth(step, batch, most)
    answers, asked = Growth((1,), (0,)), 1
    if trainer.validation is not None:
        rows = int((run.parts == 1).sum())
        asked = min(rows, rows_at_once(packed.take(torch.arange(1)).inputs))
        answers = growth(lambda count: _answer(trainer, count), asked, most)
    return Needs(_held(trainer, run.recipe), grown, answers, batch, asked, not trainer.network.couples_rows)


def _check_step(recipe: Recipe, seconds: float) -> None:
    """Raises Refused: a step takes more than a minute, and more than twice the budget."""
    budget = recipe.train.budget
    if budget.unit == "seconds" and seconds > max(LONG, 2 * budget.amount):
        raise Refused(
            f"A single step takes about {plural(round(seconds / 60), 'minute')} here, far longer than the whole budget of {budget}. "
            "Take smaller pictures (such as --set features.image.size=64), a smaller batch (--set train.batch=8) or a longer budget."
        )


def _answer(trainer: Trainer, rows: int) -> None:
    assert trainer.validation is not None
    with frozen_statistics(trainer.network), torch.inference_mode():
        trainer.validation.seconds(rows)


def _held(trainer: Trainer, recipe: Recipe) -> int:
    """Bytes of the network and what is kept for it, at the moment when most of it is there."""
    weights = _bytes(trainer.network.state_dict())
    state = _bytes(trainer.checkpoint().tensors) - _bytes(trainer.best or {})  # with the copy to go back to
    probes = 2 if recipe.train.precision == "auto" and trainer.network.half else 1
    training = state + state // 2 + 3 * weights  # a new copy beside the old one; the best, the last, those tried
    probing = weights + probes * (state + weights)
    return max(training, probing)


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _fitted(recipe: Recipe, wanted: Needs, parts: Mapping[str, int]) -> tuple[Recipe, Estimated]:
    """The largest pieces that fit.

    Raises:
        Refused: none do.
    """
    train, limit = recipe.train, recipe.train.memory
    piece = min(train.micro_batch or wanted.batch, wanted.batch)
    asked = min(train.answer_batch or wanted.asked, wanted.asked)
    estimated = _estimated(wanted, parts, piece, asked, limit)
    if limit is None:
        return recipe, estimated
    while estimated.total > limit.bytes:
        smaller = piece // 2 if wanted.splits and train.micro_batch is None and piece > 1 else piece
        fewer = asked // 2 if train.answer_batch is None and asked > 1 else asked
        if wanted.step.at(piece) >= wanted.answers.at(asked) and smaller < piece:
            piece = smaller
        elif fewer < asked:
            asked = fewer
        elif smaller < piece:
            piece = smaller
        else:
            why = "" if wanted.splits else "its network looks at all rows of a batch together, which cannot be cut"
            raise Refused(_refusal(estimated, limit, why))
        before, estimated = estimated, _estimated(wanted, parts, piece, asked, limit)
        if estimated.total >= before.total and max(piece, asked) < FEWEST:
            raise Refused(_refusal(estimated, limit, ""))
    changes: dict[str, Any] = {}
    if piece < wanted.batch:
        changes["micro_batch"] = piece
    if asked < wanted.asked:
        changes["answer_batch"] = asked
    return recipe.model_copy(update={"train": train.model_copy(update=changes)}), estimated


def _estimated(wanted: Needs, parts: Mapping[str, int], piece: int, asked: int, limit: Size | None) -> Estimated:
    """What is there and what comes; never less than what was held already."""
    whole = {**parts, "network": wanted.network, "work": wanted.work(piece, asked), "rest": REST}
    total = max(sum(whole.values()), peak())
    return Estimated(0, total, whole, None if limit is None else limit.bytes)


def _refusal(estimated: Estimated, limit: Size, why: str) -> str:
    """What it would take, of what, and what to do."""
    parts = ", ".join(f"{told(size)} for {WHAT[name]}" for name, size in estimated.parts.items() if size > 1_000_000)
    total = told(estimated.total)
    if total == told(limit.bytes):  # in words as much as is allowed: then to the megabyte
        total = f"{math.ceil(estimated.total / 1e6):,} MB"
    said = f"The training would take about {total}, more than --memory {limit}: {parts}"
    said += f" ({why}). " if why else ". "
    held = sum(estimated.parts[name] for name in ("program", "data", "rest"))
    if held > limit.bytes:
        return f"{said}Give at least {enough(estimated.total)}, or less data: fewer columns (--ignore), fewer rows."
    return f"{said}Give at least {enough(estimated.total)}, or a smaller network (--set model.…) or batch (--set train.batch=…)."


def _pieces(recipe: Recipe) -> str:
    train = recipe.train
    words = [f"batches of {train.batch} rows in pieces of {train.micro_batch}"] if train.micro_batch else []
    words += [f"{train.answer_batch} rows answered at once"] if train.answer_batch else []
    return ", ".join(words)


def _warn(estimated: Estimated, watch: Watch) -> None:
    """Where nobody set a limit and the machine has less left than will be wanted."""
    now = resident()
    more, left = estimated.total - now, free()
    if more > left:
        watch.warn(
            f"The training will take about {told(more)} of memory, and this computer has {told(left)} left: it may become "
            f"very slow, or be ended. To keep to an amount: --memory {enough(round(0.8 * (left + now)))}"
        )
