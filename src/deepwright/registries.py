"""One registry a noun. Importing a kind's folder registers the kinds in it."""

from deepwright.core.registry import Registry

__all__ = [
    "averages",
    "features",
    "metrics",
    "models",
    "modifiers",
    "objectives",
    "optimizers",
    "prunings",
    "schedules",
    "searches",
    "sources",
    "splits",
    "tasks",
    "trackers",
    "verbs",
]

sources = Registry("source")
splits = Registry("split")
features = Registry("feature")
tasks = Registry("task")
metrics = Registry("metric")
models = Registry("model")
objectives = Registry("objective")
modifiers = Registry("modifier")
optimizers = Registry("optimizer")
schedules = Registry("schedule")
averages = Registry("average")
searches = Registry("search")
prunings = Registry("pruning")
trackers = Registry("tracker")
verbs = Registry("verb")
