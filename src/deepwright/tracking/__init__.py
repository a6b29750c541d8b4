"""Trackers: other places that are told how a training goes. Importing this registers the kinds; their libraries come later."""

from deepwright.tracking import mlflow, tensorboard, wandb
from deepwright.tracking.record import Tracking, flat, report_figures
from deepwright.tracking.tracker import About, Row, Tracker, Writer

__all__ = ["About", "Row", "Tracker", "Tracking", "Writer", "flat", "mlflow", "report_figures", "tensorboard", "wandb"]
