"""Regress: one or several numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from pydantic import Field as Setting
from pydantic import field_validator
from torch import Tensor

from deepwright.contracts import Answer, Suits
from deepwright.core.config import Config
from deepwright.core.errors import DataError
from deepwright.core.report import Block
from deepwright.data.cells import parse_numbers
from deepwright.fields import Field, Fields
from deepwright.registries import tasks
from deepwright.tasks.pictures import number_blocks

__all__ = ["FittedRegress", "Numbers", "Regress"]

SKEWED = 1.5  # skewness from which a positive target is learnt as its logarithm


Way = tuple[str, str, tuple[str, str]]  # decimal sign, thousands sign, what stands around the number


@dataclass(frozen=True)
class Numbers:
    """Moments of each target and of its logarithm, and how its numbers are written; they add up.

    A row of `raw` and `log`: count, mean, sums of (y − mean)² and (y − mean)³, least and largest. Sums of plain powers
    would lose small spreads around large values.
    """

    raw: np.ndarray  # (T, 6)
    log: np.ndarray  # (T, 6), of log(y) for positive y
    ways: tuple[Way | None, ...] = ()  # None where there was no text to judge by

    def merge(self, other: Self) -> "Numbers":
        ways = tuple(a or b for a, b in zip(self.ways, other.ways, strict=True))
        return Numbers(_add(self.raw, other.raw), _add(self.log, other.log), ways)


def _add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Moments of two pieces together (Pébay 2008, "Formulas for robust, one-pass parallel computation", eq. 1 to 3)."""
    (n_a, mean_a, two_a, three_a), (n_b, mean_b, two_b, three_b) = a[:, :4].T, b[:, :4].T
    n = np.maximum(n_a + n_b, 1)
    gap = mean_b - mean_a
    with np.errstate(over="ignore", invalid="ignore"):
        mean = mean_a + gap * n_b / n
        two = two_a + two_b + gap**2 * n_a * n_b / n
        three = three_a + three_b + gap**3 * n_a * n_b * (n_a - n_b) / n**2 + 3 * gap * (n_a * two_b - n_b * two_a) / n
    low, high = np.minimum(a[:, 4], b[:, 4]), np.maximum(a[:, 5], b[:, 5])
    return np.stack([n_a + n_b, mean, two, three, low, high], 1)


def _moments(values: np.ndarray) -> list[float]:
    if not len(values):
        return [0.0, 0.0, 0.0, 0.0, np.inf, -np.inf]
    with np.errstate(over="ignore", invalid="ignore"):
        mean = values.mean()
        apart = values - mean
        return [len(values), mean, (apart**2).sum(), (apart**3).sum(), values.min(), values.max()]


def _deviation_skew(m: np.ndarray) -> tuple[float, float]:
    variance = float(m[2] / m[0])
    return variance**0.5, float(m[3] / m[0]) / variance**1.5 if variance**1.5 > 0 else 0.0


@tasks.register
class Regress(Config):
    """Predict numbers.

    Args:
        loss: "mse", "mae", "huber" (squared up to `delta` deviations, absolute beyond) or "quantile".
        quantiles: with loss "quantile"; the middle one is the prediction.
        transform: learn the number ("none") or its logarithm ("log"); "auto": the logarithm of positive targets with
            a long tail when the loss is not squared in raw units, never otherwise.
    """

    learns: ClassVar[Literal["target", "inputs"]] = "target"

    kind: Literal["regress"] = "regress"
    fitted: ClassVar[type]
    loss: Literal["mse", "mae", "huber", "quantile"] = "mse"
    delta: float = Setting(1.0, gt=0.0)
    quantiles: tuple[Annotated[float, Setting(gt=0.0, lt=1.0)], ...] = Setting((0.05, 0.5, 0.95), min_length=1)
    transform: Literal["auto", "none", "log"] = "auto"

    @field_validator("quantiles")
    @classmethod
    def _ascending(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(set(value)))

    @classmethod
    def suits(cls, targets: pl.DataFrame) -> Suits | None:
        shares = [parse_numbers(targets[name]).share for name in targets.columns]
        if min(shares) < 0.9:
            return None
        return Suits(0.5 if targets.width == 1 else 0.6, cls(), f"{100 * min(shares):.1f} % of the cells are numbers")

    def summarise(self, targets: pl.DataFrame) -> Numbers:
        parsed = [parse_numbers(targets[name]) for name in targets.columns]
        columns = [part.values.drop_nulls().to_numpy() for part in parsed]
        ways = tuple(
            (part.decimal, part.thousands, part.affix) if len(numbers) and not _is_number(targets[name]) else None
            for name, part, numbers in zip(targets.columns, parsed, columns, strict=True)
        )
        logs = [np.log(numbers[numbers > 0]) for numbers in columns]
        return Numbers(np.array([_moments(v) for v in columns]), np.array([_moments(v) for v in logs]), ways)

    def fit(self, summary: Numbers, targets: Sequence[str]) -> "FittedRegress":
        """Raises DataError: no numbers, all the same, too large to square, or no logarithm where one is asked for."""
        ways = summary.ways or (None,) * len(targets)
        rows = zip(targets, summary.raw, summary.log, ways, strict=True)
        return FittedRegress(settings=self, names=tuple(targets), scales=tuple(self._scale(*row) for row in rows))

    def _scale(self, target: str, raw: np.ndarray, log: np.ndarray, way: Way | None) -> "Scale":
        if not raw[0]:
            raise DataError(
                f"The target '{target}' holds no number in any training row. Is it words? Use --task classify."
            )
        if raw[4] == raw[5]:
            raise DataError(f"The target '{target}' is {raw[1]:g} in all training rows; there is nothing to learn.")
        if not np.isfinite(raw[1:3]).all():
            raise DataError(f"The target '{target}' runs from {raw[4]:g} to {raw[5]:g}, too far to be learnt.")
        positive = log[0] == raw[0]
        if self.transform == "log" and not positive:
            raise DataError(
                f"The target '{target}' has values of 0 or below, which have no logarithm; use transform: none."
            )
        skewed = _deviation_skew(raw)[1] > SKEWED and self.loss != "mse"
        as_log = bool(positive and (self.transform == "log" or (self.transform == "auto" and skewed)))
        chosen = log if as_log else raw
        return Scale(
            log=as_log,
            mean=float(chosen[1]),
            deviation=max(_deviation_skew(chosen)[0], float(np.finfo(np.float64).tiny)),
            low=float(chosen[4]),
            high=float(chosen[5]),
            raw_mean=float(raw[1]),
            way=way,
        )


def _is_number(column: pl.Series) -> bool:
    return column.dtype.is_numeric() or column.dtype == pl.Boolean


class Scale(Config):
    """How one target is standardised: (y or log y − mean) / deviation, with the range seen in training.

    Args:
        way: how its numbers were written in training, so that "1,234" means the same later; None if they were no text.
    """

    log: bool
    mean: float
    deviation: float
    low: float
    high: float
    raw_mean: float
    way: Way | None = None


def _numbers(column: pl.Series, way: Way | None) -> pl.Series:
    """Numbers read as in training, or as they are written where that way reads none of them."""
    if way is not None:
        parsed = parse_numbers(column, *way)
        if parsed.share > 0 or not parsed.bad:
            return parsed.values
    return parse_numbers(column).values


class FittedRegress(Config):
    """See `Regress`. Output: {"value": (B, T·Q)}; targets: {name: (B, 1) float32}, standardised."""

    coupled: ClassVar[bool] = False
    kind: ClassVar[str] = "regress"

    settings: Regress
    names: tuple[str, ...]
    scales: tuple[Scale, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        return self.names

    @property
    def _quantiles(self) -> tuple[float, ...]:
        return self.settings.quantiles if self.settings.loss == "quantile" else ()

    @property
    def heads(self) -> Mapping[str, int]:
        return {"value": len(self.names) * max(1, len(self._quantiles))}

    @property
    def metrics(self) -> tuple[str, ...]:
        names = ("rmse", "mae", "r2", "median_ae")
        if len(self.names) > 1:  # means over several units say little; a share of the variance has none
            names = ("r2", "rmse", "mae", "median_ae")
        elif self.settings.loss in ("mae", "huber"):
            names = ("mae", "rmse", "r2", "median_ae")
        return ("pinball", *names) if self._quantiles else names

    def encode(self, frame: pl.DataFrame) -> dict[str, Field]:
        fields = {}
        for name, scale in zip(self.names, self.scales, strict=True):
            values = torch.from_numpy(_numbers(frame[name], scale.way).to_numpy().copy())
            if scale.log:
                values = torch.where(values > 0, values, torch.nan).log()
            present = values.isfinite()
            standard = ((values - scale.mean) / scale.deviation).nan_to_num(0.0).float()
            fields[name] = Field(standard[:, None], present=None if bool(present.all()) else present)
        return fields

    def _known(self, targets: Fields) -> Tensor:
        return torch.cat([targets[name].values for name in self.names], 1)

    def _present(self, targets: Fields) -> Tensor:
        """(B, T) float: 1 where a target is there."""
        parts = []
        for name in self.names:
            field = targets[name]
            ones = torch.ones(len(field), device=field.values.device)
            parts.append(ones if field.present is None else field.present.float())
        return torch.stack(parts, 1)

    def loss(self, outputs: Fields, targets: Fields) -> Tensor:
        known, present = self._known(targets), self._present(targets)
        value = outputs["value"].values
        if self._quantiles:
            level = torch.tensor(self._quantiles, device=value.device)
            error = known[:, :, None] - value.unflatten(1, (len(self.names), -1))
            each = torch.maximum(level * error, (level - 1) * error).mean(2)
        elif self.settings.loss == "mae":
            each = (value - known).abs()
        elif self.settings.loss == "huber":
            each = F.huber_loss(value, known, reduction="none", delta=self.settings.delta)
        else:
            each = (value - known).square()
        return (each * present).sum(1) / present.sum(1).clamp_min(1.0)

    def weight(self, targets: Fields) -> Tensor:
        return (self._present(targets).sum(1) > 0).float()

    def score(self, outputs: Fields, targets: Fields | None) -> Tensor:
        """Minus the squared error in deviations; without targets the (first) value itself."""
        middle = self._middle(outputs["value"].values)
        if targets is None:
            return middle[:, 0]
        return -((middle - self._known(targets)).square() * self._present(targets)).mean(1)

    @property
    def score_name(self) -> str:
        unit = "standard deviations of its logarithm" if self.scales[0].log else "standard deviations"
        return f"predicted {self.names[0]} in {unit}"

    def own(self, outputs: Fields) -> None:
        """`score` without targets is the (first) number: the same question everywhere."""

    def _middle(self, value: Tensor) -> Tensor:
        if not self._quantiles:
            return value
        nearest = min(range(len(self._quantiles)), key=lambda place: abs(self._quantiles[place] - 0.5))
        return value.unflatten(1, (len(self.names), -1)).sort(2).values[:, :, nearest]

    def combine(self, outputs: Fields) -> dict[str, Field]:
        return {"value": Field(outputs["value"].values.mean(1))}

    def answer(self, outputs: Fields) -> dict[str, Tensor]:
        value = outputs["value"].values.double()
        answer = {"value": self._raw(self._middle(value))}
        if self._quantiles:
            spread = value.unflatten(1, (len(self.names), -1)).sort(2).values
            answer["quantile"] = torch.stack([self._raw(spread[:, :, q]) for q in range(len(self._quantiles))], 2)
            answer["level"] = torch.tensor(self._quantiles)
        return answer

    def _raw(self, standard: Tensor) -> Tensor:
        """(B, T) raw units, kept within a tenth of the training range beyond it: networks may not run away."""
        columns = []
        for place, scale in enumerate(self.scales):
            room = 0.1 * (scale.high - scale.low)
            value = (standard[:, place] * scale.deviation + scale.mean).clamp(scale.low - room, scale.high + room)
            columns.append(value.exp() if scale.log else value)
        return torch.stack(columns, 1)

    def decode(self, answer: Answer) -> pl.DataFrame:
        columns = {}
        for place, name in enumerate(self.names):
            columns[f"{name}_predicted"] = answer["value"][:, place].cpu().numpy()
            for q, level in enumerate(self._quantiles):
                columns[f"{name}_quantile_{level:g}"] = answer["quantile"][:, place, q].cpu().numpy()
        return pl.DataFrame(columns)

    def constant(self, targets: Fields) -> dict[str, Tensor]:
        mean = torch.tensor([scale.raw_mean for scale in self.scales], dtype=torch.float64)
        return self.from_table(mean.repeat(len(targets[self.names[0]]), 1)[:, :, None])

    def truth(self, targets: Fields) -> dict[str, Tensor]:
        known = self._known(targets).double()
        columns = [known[:, p] * scale.deviation + scale.mean for p, scale in enumerate(self.scales)]
        return {"value": torch.stack([c.exp() if s.log else c for c, s in zip(columns, self.scales, strict=True)], 1)}

    def bias(self, targets: Fields) -> dict[str, Tensor]:
        """Targets are standardised: nothing to start from but the quantiles of a normal."""
        if not self._quantiles:
            return {"value": torch.zeros(len(self.names))}
        normal = torch.special.ndtri(torch.tensor(self._quantiles))
        return {"value": normal.repeat(len(self.names))}

    def blocks(self, answer: Answer, truth: Answer) -> list[Block]:
        return number_blocks(self.names, answer, truth)

    def finish(self, answer: Answer, truth: Answer) -> "FittedRegress":
        return self

    def table(self, targets: Fields) -> tuple[str, Tensor]:
        """What a plain estimator learns: "numbers" and (B, T) raw values."""
        return "numbers", self.truth(targets)["value"]

    def from_table(self, values: Tensor) -> dict[str, Tensor]:
        """An answer from a plain estimator's numbers (B, T, 1); its one number stands for every quantile."""
        answer = {"value": values[:, :, 0].double()}
        if self._quantiles:
            answer["quantile"] = values.double().expand(-1, -1, len(self._quantiles))
            answer["level"] = torch.tensor(self._quantiles)
        return answer

    def to_state(self) -> dict[str, Any]:
        return self.model_dump()

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FittedRegress":
        return cls.model_validate(state)


Regress.fitted = FittedRegress
