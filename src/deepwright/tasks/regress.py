"""Regress: one or several numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from pydantic import Field as Setting
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


@dataclass(frozen=True)
class Numbers:
    """Moments of each target and of its logarithm: count, sums of powers 1 to 3, least and largest; they add up."""

    raw: np.ndarray  # (T, 6)
    log: np.ndarray  # (T, 6), of log(y) for positive y

    def merge(self, other: Self) -> "Numbers":
        return Numbers(_add(self.raw, other.raw), _add(self.log, other.log))


def _add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.concatenate([a[:, :4] + b[:, :4], np.minimum(a[:, 4:5], b[:, 4:5]), np.maximum(a[:, 5:], b[:, 5:])], 1)


def _moments(values: np.ndarray) -> list[float]:
    if not len(values):
        return [0.0, 0.0, 0.0, 0.0, np.inf, -np.inf]
    return [len(values), values.sum(), (values**2).sum(), (values**3).sum(), values.min(), values.max()]


def _mean_deviation_skew(m: np.ndarray) -> tuple[float, float, float]:
    mean = m[1] / m[0]
    variance = max(m[2] / m[0] - mean**2, 0.0)
    third = m[3] / m[0] - 3 * mean * m[2] / m[0] + 2 * mean**3
    return float(mean), float(variance**0.5), float(third / variance**1.5) if variance > 0 else 0.0


@tasks.register
class Regress(Config):
    """Predict numbers.

    Args:
        loss: "mse", "mae", "huber" (squared up to `delta` deviations, absolute beyond) or "quantile".
        quantiles: with loss "quantile"; the middle one is the prediction.
        transform: learn the number ("none") or its logarithm ("log"); "auto": the logarithm of positive targets with
            a long tail when the loss is not squared in raw units, never otherwise.
    """

    kind: Literal["regress"] = "regress"
    fitted: ClassVar[type]
    loss: Literal["mse", "mae", "huber", "quantile"] = "mse"
    delta: float = Setting(1.0, gt=0.0)
    quantiles: tuple[float, ...] = (0.05, 0.5, 0.95)
    transform: Literal["auto", "none", "log"] = "auto"

    @classmethod
    def suits(cls, targets: pl.DataFrame) -> Suits | None:
        shares = [parse_numbers(targets[name]).share for name in targets.columns]
        if min(shares) < 0.9:
            return None
        return Suits(0.5 if targets.width == 1 else 0.6, cls(), f"{100 * min(shares):.1f} % of the cells are numbers")

    def summarise(self, targets: pl.DataFrame) -> Numbers:
        columns = [parse_numbers(targets[name]).values.drop_nulls().to_numpy() for name in targets.columns]
        return Numbers(
            np.array([_moments(values) for values in columns]), np.array([_moments(np.log(v[v > 0])) for v in columns])
        )

    def fit(self, summary: Numbers, targets: Sequence[str]) -> "FittedRegress":
        """Raises DataError: no numbers, or all the same."""
        parts = []
        for place, target in enumerate(targets):
            raw, log = summary.raw[place], summary.log[place]
            if not raw[0]:
                raise DataError(
                    f"The target '{target}' holds no number in any training row. Is it words? Use --task classify."
                )
            mean, deviation, skew = _mean_deviation_skew(raw)
            if deviation <= 1e-12 * max(1.0, abs(mean)):
                raise DataError(f"The target '{target}' is {mean:g} in all training rows; there is nothing to learn.")
            positive = log[0] == raw[0]
            if self.transform == "log" and not positive:
                raise DataError(
                    f"The target '{target}' has values of 0 or below, which have no logarithm; use transform: none."
                )
            as_log = positive and (
                self.transform == "log" or (self.transform == "auto" and skew > SKEWED and self.loss != "mse")
            )
            chosen = log if as_log else raw
            mean, deviation, _ = _mean_deviation_skew(chosen)
            low, high = float(chosen[4]), float(chosen[5])
            parts.append(
                Scale(
                    log=bool(as_log),
                    mean=mean,
                    deviation=deviation,
                    low=low,
                    high=high,
                    raw_mean=float(raw[1] / raw[0]),
                )
            )
        return FittedRegress(settings=self, names=tuple(targets), scales=tuple(parts))


class Scale(Config):
    """How one target is standardised: (y or log y − mean) / deviation, with the range seen in training."""

    log: bool
    mean: float
    deviation: float
    low: float
    high: float
    raw_mean: float


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
        if self.settings.loss in ("mae", "huber"):
            names = ("mae", "rmse", "r2", "median_ae")
        return ("pinball", *names) if self._quantiles else names

    def encode(self, frame: pl.DataFrame) -> dict[str, Field]:
        fields = {}
        for name, scale in zip(self.names, self.scales, strict=True):
            values = torch.from_numpy(parse_numbers(frame[name]).values.to_numpy().copy())
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
