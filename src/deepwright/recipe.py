"""Recipe: the frozen document that names everything but the data's content. What is left out is found out and written back."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, ValidationError
from pydantic import Field as Setting
from pydantic_core import PydanticCustomError

import deepwright.data.sources
import deepwright.data.split
import deepwright.features
import deepwright.metrics
import deepwright.models
import deepwright.objectives
import deepwright.tasks
import deepwright.tracking
import deepwright.training.averages
import deepwright.training.muon
import deepwright.training.optimizers
import deepwright.training.schedules  # noqa: F401  the kinds a recipe may name
from deepwright import registries
from deepwright.core.config import Config
from deepwright.core.errors import RecipeError
from deepwright.core.registry import Registry, load_plugins
from deepwright.data.sources import detect
from deepwright.draft import Draft, describe, unknown_key
from deepwright.ranges import TUNED, find, name_of, without
from deepwright.training.settings import Train

load_plugins()  # kinds of other packages, before any recipe is read

__all__ = ["EXAMPLE", "KINDED", "Data", "Evaluate", "Recipe", "plain", "problems_of", "tidy"]


def _many(value: Any) -> Any:
    """Names in a list; one may stand alone, and numbers are names too.

    Raises:
        ValueError: YAML has made something else of a word, such as true of `yes`.
    """
    names = () if value is None else value if isinstance(value, list | tuple) else (value,)
    for name in names:
        if isinstance(name, bool | float | date):
            raise ValueError(f"expected names of columns; YAML reads one of them as {name!r}: put it in quotes")
    return tuple(str(name) if isinstance(name, int) else name for name in names)


def _listed(value: Any) -> Any:
    """One or several kinds; `none` for none."""
    return () if value in (None, "none") else (value,) if isinstance(value, str | Mapping) else value


def _once(trackers: tuple[Any, ...]) -> tuple[Any, ...]:
    twice = sorted({one.kind for one in trackers if sum(other.kind == one.kind for other in trackers) > 1})
    if twice:
        raise PydanticCustomError("twice", "'{kind}' is named twice; once is enough", {"kind": twice[0]})
    return trackers


Names = Annotated[tuple[str, ...], BeforeValidator(_many)]


class Data(Config):
    """Where the raw data is and how its rows are used.

    Args:
        source: a path, or the settings of a source. test: a file whose rows are the test rows.
        id: one example = all rows with this value. time: later rows test earlier ones. group: never divided by a split.
        ignore: columns left out. strict: a wrong cell or picture is an error.
    """

    source: str | Annotated[Any, registries.sources] | None = None
    test: str | None = None
    id: str | None = None
    time: str | None = None
    group: str | None = None
    ignore: Names = ()
    split: Annotated[Any, registries.splits] | None = None
    strict: bool = False


class Evaluate(Config):
    """How the network is judged.

    Args:
        metric: the figure that decides (best weights, early stopping); None takes the task's first.
    """

    metric: str | None = None


class Recipe(Config):
    """Everything a training needs besides the data. Left out parts are inferred.

    Args:
        target: the columns to be learnt. features: what each input column is.
        track: other places that are told how the training goes: tensorboard, mlflow, wandb.
    """

    format: Literal[1] = 1
    data: Data = Data()
    target: Names = ()
    task: Annotated[Any, registries.tasks] | None = None
    features: dict[str, Annotated[Any, registries.features]] = {}
    model: Annotated[Any, registries.models] | None = None
    objective: Annotated[Any, registries.objectives] | None = None
    train: Train = Train()
    evaluate: Evaluate = Evaluate()
    track: Annotated[
        tuple[Annotated[Any, registries.trackers], ...], BeforeValidator(_listed), AfterValidator(_once)
    ] = ()
    seed: int = Setting(0, ge=0)

    @property
    def creates(self) -> bool:
        """Whether more examples are to be made, instead of answers."""
        return any(part is not None and part.learns == "inputs" for part in (self.task, self.model))

    @property
    def conditions(self) -> tuple[str, ...]:
        """The columns that say what is to be created; complete after preparation."""
        return (self.task.condition or ()) if self.creates and self.task is not None else ()

    @classmethod
    def read(cls, path: str | Path) -> "Recipe":
        """A recipe file.

        Raises:
            RecipeError: all wrong keys and values at once, each with its line.
        """
        return cls.from_draft(Draft.read(Path(path)))

    @classmethod
    def from_draft(cls, draft: Draft) -> "Recipe":
        """Raises RecipeError: all problems at once. Parts that name no kind yet are left for later."""
        tidy(draft)
        ranges = [one for one in find(draft, cls) if one.path[0] in TUNED]
        problems = [
            f"{draft.place(one.path)}: {name_of(one.path)}"
            + (f": {one.problem}" if one.problem else " is a space; use deepwright tune, or give it one value.")
            for one in ranges
        ]
        draft = without(draft, [one.path for one in ranges]) if ranges else draft
        recipe = None
        try:
            recipe = cls.model_validate(_without_kindless(draft.value))
        except ValidationError as error:
            problems += describe(error, draft, cls).problems
        problems += _wrong_for_all(draft, cls)
        metric = draft.get("evaluate", "metric")
        if isinstance(metric, str) and metric not in registries.metrics:
            try:
                registries.metrics.get(metric)
            except RecipeError as error:
                problems.append(f"{draft.place(('evaluate', 'metric'))}: evaluate.metric: {error}")
        if problems or recipe is None:
            order = {place: number for number, place in reversed(list(enumerate(draft.places.values())))}
            raise RecipeError(sorted(problems, key=lambda text: order.get(text.partition(": ")[0], -1)))
        return recipe

    def yaml(self) -> str:
        """The recipe as it is written into a run."""
        return yaml.safe_dump(plain(self.model_dump()), sort_keys=False, allow_unicode=True, width=120)


def problems_of(draft: Draft) -> list[str]:
    """The sentences about a draft; none where it is in order."""
    try:
        Recipe.from_draft(Draft(copy.deepcopy(draft.value), dict(draft.places)))
    except RecipeError as error:
        return error.problems
    return []


def plain(value: Any) -> Any:
    """Tuples as lists, so that the text stays plain YAML."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(inner) for inner in value]
    return value


def tidy(draft: Draft) -> None:
    """Spell out shorthands: `train.epochs: 20`, `train.steps`, `train.ema: 0.99`, `data: cars.csv`, kinds of sources.

    Raises:
        DataError: the path of a source whose kind is left open is not there, or of no known kind.
    """
    data = draft.get("data")
    if isinstance(data, str):
        draft.value["data"] = {"source": data}
        draft.places[("data", "source")] = draft.place(("data",))
    source = draft.get("data", "source")
    if isinstance(source, dict) and "kind" not in source and isinstance(source.get("path"), str):
        draft.value["data"]["source"] = {"kind": detect(source["path"]).kind, **source}  # type: ignore[attr-defined]
    draft.settle_budget()
    train = draft.get("train")
    if isinstance(train, dict) and "ema" in train:
        place, decay = draft.place(("train", "ema")), train.pop("ema")
        draft.put(("train", "average"), None if decay is None else {"kind": "ema", "decay": decay}, place)
    for kind in registries.features.kinds:  # `image.fit`: a kind's name alone is the column that is called so
        if isinstance(draft.value.get(kind), dict):
            for key in draft.value[kind]:
                draft.put(("features", kind, key), draft.value[kind][key], draft.place((kind, key)))
            del draft.value[kind]
    columns = draft.get("features")
    for name, settings in (columns if isinstance(columns, dict) else {}).items():
        if isinstance(settings, dict) and "fit" in settings and "resize" not in settings:
            place = draft.place(("features", name, "fit"))
            draft.put(("features", name, "resize"), settings.pop("fit"), place)
    if isinstance(columns, dict):  # columns that are called 1, 2, 3 …
        draft.value["features"] = {str(n) if type(n) is int else n: settings for n, settings in columns.items()}


KINDED: dict[tuple[str, ...], Registry] = {
    ("task",): registries.tasks, ("model",): registries.models, ("objective",): registries.objectives,
    ("train", "optimizer"): registries.optimizers, ("train", "schedule"): registries.schedules,
    ("train", "average"): registries.averages,
}  # fmt: skip


def _open_parts(draft: Draft) -> Iterator[tuple[tuple[str, ...], Registry, Mapping[str, Any]]]:
    """Parts whose kind is still to be inferred: where, the kinds there are, what is said of it."""
    columns = draft.get("features")
    parts = dict(KINDED)
    parts |= {("features", name): registries.features for name in (columns if isinstance(columns, dict) else ())}
    for path, registry in parts.items():
        part = draft.get(*path)
        if isinstance(part, dict) and "kind" not in part:
            yield path, registry, part


def _wrong_for_all(draft: Draft, root: type[Recipe]) -> Iterator[str]:
    """Keys of parts without a kind that no kind has (`model: {widht: 256}`), and values that all of them refuse."""
    for path, registry, part in _open_parts(draft):
        known = sorted({key for kind in registry for key in kind.model_fields})
        for key, value in part.items():
            if key not in known:
                yield unknown_key((*path, key), draft, known)
                continue
            kinds = [kind.model_fields["kind"].default for kind in registry if key in kind.model_fields]
            told = [_refused(path, {"kind": kind, key: value}, draft, root) for kind in kinds]
            if all(told):
                shortest = min(map(len, told))  # a kind may also miss what it cannot do without
                yield from _agreed(
                    {kind: texts for kind, texts in zip(kinds, told, strict=True) if len(texts) == shortest}
                )


def _agreed(told: Mapping[str, list[str]]) -> Iterator[str]:
    """What several kinds say of one value: once where they agree or one knows the nearest word, otherwise each."""
    texts = list(told.values())
    nearest = [one for one in texts if "Did you mean" in one[0]]
    if nearest or all(one == texts[0] for one in texts):
        yield from (nearest or texts)[0]
    else:
        yield from (f"{text} (if kind: {kind})" for kind, one in told.items() for text in one)


def _refused(path: tuple[str, ...], part: Mapping[str, Any], draft: Draft, root: type[Recipe]) -> list[str]:
    """What is wrong with a part alone, if its last value is."""
    value: Any = part
    for name in reversed(path):
        value = {name: value}
    try:
        root.model_validate(value)
    except ValidationError as error:
        place = (*path, list(part)[-1])
        if any(tuple(one["loc"])[: len(place)] == place for one in error.errors()):
            return describe(error, Draft(value, draft.places), root).problems
    return []


def _without_kindless(value: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping without parts whose kind is still to be inferred (`task: {loss: focal}`)."""
    kept = dict(value)
    for first, *rest in KINDED:
        part = kept.get(first)
        if not rest and isinstance(part, dict) and "kind" not in part:
            kept.pop(first)
        elif rest and isinstance(part, dict):
            inner = part.get(rest[0])
            if isinstance(inner, dict) and "kind" not in inner:
                kept[first] = {key: v for key, v in part.items() if key != rest[0]}
    columns = kept.get("features")
    if isinstance(columns, dict):
        kept["features"] = {n: s for n, s in columns.items() if not isinstance(s, dict) or "kind" in s}
    return kept


EXAMPLE = """\
# A recipe. Everything but the data (and the target) may be left out: it is then inferred and written in full into the run.
format: 1
data:
  source: cars.csv            # a table (CSV, Parquet, JSON lines, Arrow), a folder of pictures, IDX, NPZ
  # test: new_cars.csv        # rows to test on; otherwise a part of the source is kept back
  # id: car                   # one example = all rows with this value
  # time: sold_on             # train on the past, test on what came later
  # group: owner              # rows that must stay on the same side of the split
  ignore: [remarks]
target: price                 # or several: [price, days]
task:
  kind: regress               # classify, regress, tag; or generate, without a target
  loss: huber
features:                     # only where the guess is to be overruled
  doors: category
  mileage: {kind: number, missing: [999999]}
model:
  kind: mlp                   # mlp, cnn, fusion
  width: 256                  # or a space, for deepwright tune: [128, 256, 512], {int: [64, 512]}
  dropout: 0.1                # or {float: [0, 0.5]}, {log: [1e-3, 0.5]}
train:
  budget: 5min                # or 60s, 20epochs, 2000steps
  optimizer: {kind: adamw, lr: 0.002}
  schedule: {kind: cosine, warmup: 0.02}
evaluate:
  metric: rmse
# track: [tensorboard]        # or mlflow, wandb: told how it goes, beside events.jsonl
seed: 0
"""
