"""What every verb promises.

runs = verbs.sample_runs(folder)
verbs.suite(Distort(rows=8), runs)            # small settings: every promise asks the verb again
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from deepwright.cli.terminal import render
from deepwright.core.errors import InputError, Refused
from deepwright.core.report import Report
from deepwright.draft import Draft
from deepwright.page.page import fragment, page
from deepwright.run import Run
from deepwright.testing import samples
from deepwright.testing.fields import expect
from deepwright.testing.settings import check_sentence, json_round
from deepwright.verbs.report import write_report
from deepwright.verbs.train import train

__all__ = ["CHECKS", "Case", "cases", "quick", "sample_runs", "suite", "trained"]

_SMALL: Mapping[str, Any] = {
    "rows": 8,
    "steps": 3,
    "n": 3,
    "measure": 12,
    "samples": 32,
    "baselines": False,
    "restarts": 1,
    "epsilon": 0.02,
    "seed": 1,
}
_ASKED = ("embed", "body", "sample", "from_latents"), ("answer", "score", "loss", "own", "combine")


class _Broken(Exception):
    """Raised inside a verb on purpose."""


@dataclass(frozen=True)
class Case:
    """A verb's settings and a trained run."""

    verb: Any
    run: Run
    name: str

    def refused(self) -> Refused | None:
        """Why it does not fit this run, if so."""
        try:
            self.verb.check(self.run)
        except Refused as refusal:
            return refusal
        return None

    def __str__(self) -> str:
        return f"{self.verb.kind} on {self.name}"


def trained(folder: Path, columns: tuple[str, ...], target: str | None, rows: int = 64, **settings: Any) -> Run:
    """A run of a few steps on sample columns, its data in memory; `settings` are dotted recipe keys with __ for a dot."""
    draft = Draft()
    known = {
        "train.budget": "6steps",
        "train.batch": 16,
        "data.split": {"kind": "stratified", "validation": 0.2, "test": 0.3},
    }
    wanted = {name.replace("__", "."): value for name, value in settings.items()}
    if target is not None:
        wanted["target"] = samples.targets(rows)[target].columns
    for name, value in {**known, **wanted}.items():
        draft.put(tuple(name.split(".")), value, "the sample")
    return train(draft, samples.frame(list(columns), target, rows), out=folder)


def sample_runs(folder: Path) -> dict[str, Run]:
    """Small trained runs: plain columns, pictures with plain columns, and one that creates."""
    plain = ("Blood. Pressure", "doors", "colour", "sunny", "sold on")
    return {
        "labels from plain columns": trained(
            folder, plain, "many labels", model={"kind": "mlp", "width": 16, "members": 2}
        ),
        "a number from pictures": trained(
            folder, ("photo", "doors"), "long tail", task={"kind": "regress", "loss": "quantile"}
        ),
        "tags from a picture": trained(folder, ("scan",), "lists"),
        "a rare label": trained(folder, ("doors", "sunny"), "rare label", model={"kind": "mlp", "width": 8}),
        "creations": trained(folder, ("scan",), None, model={"kind": "gan", "width": 4, "latent": 4}),
    }


def quick(kind: type[Any], folder: Path) -> Any:
    """A verb's settings with every size small, writing into a folder of its own."""
    own = {name: value for name, value in _SMALL.items() if name in kind.model_fields}
    if "out" in kind.model_fields:
        own["out"] = folder / "out"
    if "force" in kind.model_fields:
        own["force"] = True
    return kind(**own)


def cases(verb: Any, runs: Mapping[str, Run]) -> Iterator[Case]:
    """A verb on each of the runs."""
    yield from (Case(verb, run, name) for name, run in runs.items())


def suite(verb: Any, runs: Mapping[str, Run]) -> None:
    """All checks on all runs; the verb must fit at least one.

    Raises:
        AssertionError: a promise is broken.
    """
    every = list(cases(verb, runs))
    for case in every:
        for check in CHECKS:
            check(case)
    expect(any(case.refused() is None for case in every), f"'{verb.kind}' refuses all runs given.")


def refusals_are_sentences(case: Case) -> None:
    """`check` gives None, or raises Refused with a sentence, before any work; calling then says the same."""
    refusal = case.refused()
    if refusal is None:
        expect(case.verb.check(case.run) is None, f"{case}: check must give None where the verb fits.")
        return
    check_sentence(refusal)
    again = None
    try:
        case.verb(case.run)
    except Refused as error:
        again = error
    expect(str(again) == str(refusal), f"{case}: calling it must refuse as check does: {again!r}.")


def reports_can_be_kept_and_shown(case: Case) -> None:
    """Plain JSON there and back, on a page, in a notebook, on any terminal; the same again for the same seed."""
    if case.refused() is not None:
        return
    report = case.verb(case.run)
    expect(
        isinstance(report, Report) and report.verb == case.verb.kind, f"{case}: a report must carry the verb's kind."
    )
    expect(report.title and report.blocks, f"{case}: a report needs a title and something to see.")
    expect("version" in report.data, f"{case}: report.data needs a 'version'.")
    stored = json_round(report.to_dict())
    back = Report.from_dict(stored)
    expect(json_round(back.to_dict()) == stored, f"{case}: the report changes when it is stored.")
    for one in (report, back):
        expect(case.run.name and fragment(one) in fragment(one), f"{case}: no notebook view.")
        expect(page(case.run.name, [one]).startswith("<!doctype html>"), f"{case}: no page.")
        for encoding, width in (("utf-8", 80), ("ascii", 30)):
            console = Console(file=_Terminal(encoding), width=width)
            render(one, console)
    expect(json_round(case.verb(case.run).to_dict()) == stored, f"{case}: the same question gets another answer.")
    case.run.save_report(report)
    expect(write_report(case.run).stat().st_size > 0, f"{case}: the run's page cannot be written.")


class _Terminal(StringIO):
    """A stream of an encoding, which refuses signs it does not have."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def write(self, text: str) -> int:
        text.encode(self._encoding)
        return super().write(text)


def networks_stay_as_they_are(case: Case) -> None:
    """Weights, buffers, modes, gradients and hooks are what they were; also when something fails inside, anywhere."""
    if case.refused() is not None:
        return
    network, task = case.run.network, case.run.task
    places: list[tuple[Any, str]] = [(network, name) for name in _ASKED[0]]
    places += [] if task is None else [(type(task), name) for name in _ASKED[1]]
    with _marked(network):
        before = _trace(network)
        counts = {}
        for owner, name in places:
            with _failing(owner, name, None) as calls:
                case.verb(case.run)
            _check_trace(before, _trace(network), f"{case}:")
            counts[owner, name] = calls[0]
        expect(any(counts.values()), f"{case}: it never asks the network.")
        for (owner, name), count in counts.items():
            for call in sorted({1, (count + 1) // 2, count} if count else ()):
                with _failing(owner, name, call):
                    _breaks(case, name)
                _check_trace(before, _trace(network), f"{case}: after '{name}' failed in call {call} of {count},")


def _breaks(case: Case, name: str) -> None:
    try:
        case.verb(case.run)
    except _Broken:
        return
    raise AssertionError(f"{case}: a failure inside '{name}' was swallowed.")


@contextmanager
def _failing(owner: Any, name: str, call: int | None) -> Iterator[list[int]]:
    """Count the calls of a method; raise in the n-th."""
    own = name in vars(owner)
    before, calls = getattr(owner, name), [0]

    def counted(*args: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == call:
            raise _Broken
        return before(*args, **more)

    setattr(owner, name, counted)
    try:
        yield calls
    finally:
        if own:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


@contextmanager
def _marked(network: nn.Module) -> Iterator[None]:
    """Gradients and modes that nobody would leave behind by chance, taken away afterwards."""
    modules = list(network.modules())
    for place, module in enumerate(modules):
        module.training = place % 2 == 1
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, 0.5)
    try:
        yield
    finally:
        network.eval()
        network.zero_grad(set_to_none=True)


def _trace(network: nn.Module) -> dict[str, Any]:
    modules = list(network.modules())
    return {
        "weights and buffers": {name: value.detach().clone() for name, value in network.state_dict().items()}
        | {name: value.clone() for name, value in network.named_buffers()},
        "gradients": {n: None if p.grad is None else p.grad.clone() for n, p in network.named_parameters()},
        "modes": [module.training for module in modules],
        "frozen weights": [parameter.requires_grad for parameter in network.parameters()],
        "hooks": [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in modules],
        "gradients on or off": torch.is_grad_enabled(),
    }


def _check_trace(before: Mapping[str, Any], after: Mapping[str, Any], sentence: str) -> None:
    for what, value in before.items():
        if isinstance(value, dict):
            same = all(_same(part, after[what][name]) for name, part in value.items())
        else:
            same = value == after[what]
        expect(same, f"{sentence} the network's {what} are not what they were.")


def _same(a: Tensor | None, b: Tensor | None) -> bool:
    return a is b is None or (a is not None and b is not None and torch.equal(a, b))


def new_data_is_taken(case: Case) -> None:
    """`on` another table: an answer; without an input column: a sentence that names it."""
    if "on" not in type(case.verb).model_fields or case.refused() is not None:
        return
    table = case.run.training_data().table
    frame = table.take(range(20))
    report = case.verb.model_copy(update={"on": frame})(case.run)
    expect(report.data.get("split") == "new data", f"{case}: new data must be called 'new data'.")
    lost = next(iter(case.run.features))
    try:
        case.verb.model_copy(update={"on": frame.drop(lost)})(case.run)
    except InputError as error:
        check_sentence(error)
        expect(lost in str(error), f"{case}: the sentence must name the column that is missing: {error}")
        return
    raise AssertionError(f"{case}: it does not miss the input column '{lost}'.")


CHECKS: tuple[Callable[[Case], None], ...] = (
    refusals_are_sentences,
    reports_can_be_kept_and_shown,
    networks_stay_as_they_are,
    new_data_is_taken,
)
