"""CTGAN from its paper (Xu et al. 2019, "Modeling Tabular Data using Conditional GAN", arXiv 1907.00503) and published settings.

Mode-specific normalisation with at most 10 modes, conditions drawn by the logarithm of label frequencies, Gumbel softmax at
0.2, critics of 10 rows together, WGAN-GP 10, Adam 2e-4 (0.5, 0.9), weight decay 1e-6, batches of 500, 300 epochs or the budget.
"""

import warnings

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from sklearn.mixture import BayesianGaussianMixture
from synthetic_common import Given, finish, given, is_number, rounded
from torch import nn

LATENT, WIDTH, BATCH, PAC, TAU, EPOCHS = 128, 256, 500, 10, 0.2, 300


class Numbers:
    """A number as its place within a mode and the mode, one-hot."""

    def __init__(self, column: pd.Series, rng: np.random.Generator):
        self.column, self.gaps = column, column.isna().to_numpy()
        known = column.dropna().to_numpy(float)
        sample = rng.choice(known, min(len(known), 5000), replace=False)[:, None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mixture = BayesianGaussianMixture(
                n_components=min(10, len(sample)), weight_concentration_prior_type="dirichlet_process",
                weight_concentration_prior=0.001, random_state=int(rng.integers(2**31)),
            ).fit(sample)  # fmt: skip
        self.modes = np.flatnonzero(mixture.weights_ > 0.005)
        self.mean = mixture.means_[self.modes, 0]
        self.spread = np.sqrt(mixture.covariances_[self.modes, 0, 0])
        filled = np.where(self.gaps, rng.choice(known, len(column)), column.to_numpy(float))
        chances = mixture.predict_proba(filled[:, None])[:, self.modes] + 1e-6
        cumulated = np.cumsum(chances / chances.sum(1, keepdims=True), 1)
        mode = np.minimum((cumulated < rng.random((len(filled), 1))).sum(1), len(self.modes) - 1)
        place = np.clip((filled - self.mean[mode]) / (4 * self.spread[mode]), -0.99, 0.99)
        self.data = np.concatenate([place[:, None], np.eye(len(self.modes))[mode]], 1)
        self.parts = [(1, "tanh"), (len(self.modes), "softmax")]

    def back(self, made: np.ndarray) -> pd.Series:
        mode = made[:, 1:].argmax(1)
        values = np.clip(made[:, 0], -1, 1) * 4 * self.spread[mode] + self.mean[mode]
        return pd.Series(rounded(values, self.column))


class Labels:
    """A label, one-hot; an empty cell is one too."""

    def __init__(self, column: pd.Series):
        text = column.astype(object).where(column.notna(), None)
        self.labels = [
            *pd.Series(text).dropna().astype(str).value_counts().index,
            *([None] if column.isna().any() else []),
        ]
        places = {label: place for place, label in enumerate(self.labels)}
        self.codes = np.array([places[None if cell is None else str(cell)] for cell in text])
        self.data = np.eye(len(self.labels))[self.codes]
        self.parts = [(len(self.labels), "softmax")]

    def back(self, made: np.ndarray) -> pd.Series:
        return pd.Series([self.labels[place] for place in made.argmax(1)], dtype=object)


class Residual(nn.Module):
    def __init__(self, size: int):
        super().__init__()
        self.linear, self.norm = nn.Linear(size, WIDTH), nn.BatchNorm1d(WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([F.relu(self.norm(self.linear(x))), x], 1)


def critic(size: int) -> nn.Sequential:
    layer = lambda a: [nn.Linear(a, WIDTH), nn.LeakyReLU(0.2), nn.Dropout(0.5)]  # noqa: E731
    return nn.Sequential(*layer(size * PAC), *layer(WIDTH), nn.Linear(WIDTH, 1))


def activated(raw: torch.Tensor, parts: list[tuple[int, str]]) -> torch.Tensor:
    return torch.cat([torch.tanh(p) if kind == "tanh" else F.gumbel_softmax(p, TAU)
                      for p, (_, kind) in zip(raw.split([w for w, _ in parts], 1), parts, strict=True)], 1)  # fmt: skip


class Conditions:
    """A label column by chance, and one of its labels by the logarithm of its frequency; rows that have it."""

    def __init__(self, columns: list[Labels], places: list[int], rng: np.random.Generator):
        self.columns, self.places, self.rng = columns, places, rng
        self.starts = np.cumsum([0, *(len(c.labels) for c in columns)])
        self.rows = [[np.flatnonzero(c.codes == k) for k in range(len(c.labels))] for c in columns]
        counts = [np.bincount(c.codes, minlength=len(c.labels)) for c in columns]
        self.chances = [np.log(n + 1) / np.log(n + 1).sum() for n in counts]
        self.natural = [n / n.sum() for n in counts]

    def drawn(self, rows: int, natural: bool = False) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
        column = self.rng.integers(len(self.columns), size=rows)
        label = np.zeros(rows, int)
        for k, own in enumerate(self.natural if natural else self.chances):
            here = column == k
            label[here] = self.rng.choice(len(own), here.sum(), p=own)
        asked = torch.zeros(rows, int(self.starts[-1]))
        asked[np.arange(rows), self.starts[column] + label] = 1
        return asked, column, label

    def matching(self, column: np.ndarray, label: np.ndarray) -> np.ndarray:
        return np.array([self.rng.choice(self.rows[c][k]) for c, k in zip(column, label, strict=True)])

    def missed(self, raw: torch.Tensor, column: np.ndarray, label: np.ndarray) -> torch.Tensor:
        total = raw.new_zeros(())
        for k, own in enumerate(self.columns):
            here = np.flatnonzero(column == k)
            if len(here):
                part = raw[here, self.places[k] : self.places[k] + len(own.labels)]
                total = total + F.cross_entropy(part, torch.from_numpy(label[here]), reduction="sum")
        return total / len(raw)


def penalty(judge: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    share = torch.rand(len(real) // PAC, 1).repeat(1, PAC * real.shape[1]).view(-1, real.shape[1])
    between = (share * real + (1 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(judge(between.view(-1, PAC * real.shape[1])).sum(), between, create_graph=True)
    return 10 * (slope.view(-1, PAC * real.shape[1]).norm(2, dim=1) - 1).square().mean()


def trained(
    one: Given, data: torch.Tensor, parts: list[tuple[int, str]], asks: Conditions | None
) -> tuple[nn.Module, int]:
    width = 0 if asks is None else int(asks.starts[-1])
    makes = nn.Sequential(
        Residual(LATENT + width), Residual(LATENT + width + WIDTH), nn.Linear(LATENT + width + 2 * WIDTH, data.shape[1])
    )
    judges = critic(data.shape[1] + width)
    optimizers = [
        torch.optim.Adam(net.parameters(), 2e-4, betas=(0.5, 0.9), weight_decay=decay)
        for net, decay in ((makes, 1e-6), (judges, 0))
    ]
    steps, per_epoch = 0, max(1, len(data) // BATCH)
    empty = (torch.zeros(BATCH, 0), np.zeros(BATCH, int), np.zeros(BATCH, int))
    while steps < EPOCHS * per_epoch and one.left > 0:
        asked, column, label = empty if asks is None else asks.drawn(BATCH)
        fake = activated(makes(torch.cat([torch.randn(BATCH, LATENT), asked], 1)), parts).detach()
        order = np.random.permutation(BATCH)
        rows = np.random.randint(len(data), size=BATCH) if asks is None else asks.matching(column[order], label[order])
        real, made = torch.cat([data[rows], asked[order]], 1), torch.cat([fake, asked], 1)
        score = lambda x: judges(x.view(-1, PAC * x.shape[1])).mean()  # noqa: E731
        loss = score(made) - score(real) + penalty(judges, real, made)
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        asked, column, label = empty if asks is None else asks.drawn(BATCH)
        raw = makes(torch.cat([torch.randn(BATCH, LATENT), asked], 1))
        loss = -score(torch.cat([activated(raw, parts), asked], 1))
        loss = loss if asks is None else loss + asks.missed(raw, column, label)
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()
        steps += 1
    return makes, steps


def main() -> None:
    one = given()
    rng = np.random.default_rng(one.seed)
    np.random.seed(one.seed)
    torch.manual_seed(one.seed)
    columns: dict[str, Numbers | Labels] = {}
    for name in one.train.columns:
        column = one.train[name]
        columns[name] = Numbers(column, rng) if is_number(column) else Labels(column)
        if is_number(column) and column.isna().any():
            columns[f"{name} is missing"] = Labels(column.isna())
    data = torch.from_numpy(np.concatenate([c.data for c in columns.values()], 1)).float()
    parts = [part for c in columns.values() for part in c.parts]
    starts = dict(zip(columns, np.cumsum([0, *(c.data.shape[1] for c in columns.values())]), strict=False))
    labels = {name: c for name, c in columns.items() if isinstance(c, Labels)}
    asks = Conditions(list(labels.values()), [int(starts[name]) for name in labels], rng) if labels else None
    makes, steps = trained(one, data, parts, asks)
    made = []
    with torch.no_grad():
        for _ in range(-(-one.rows // BATCH)):
            asked = torch.zeros(BATCH, 0) if asks is None else asks.drawn(BATCH, natural=True)[0]
            made.append(activated(makes(torch.cat([torch.randn(BATCH, LATENT), asked], 1)), parts).numpy())
    flat = np.concatenate(made)[: one.rows]
    back = {name: c.back(flat[:, starts[name] : starts[name] + c.data.shape[1]]) for name, c in columns.items()}
    for name in one.train.columns:
        if f"{name} is missing" in back:
            back[name] = back[name].mask(back[f"{name} is missing"] == "True")
    finish(one, pd.DataFrame({name: back[name] for name in one.train.columns}), steps=steps)


main()
