"""Tune: better settings. Importing this folder registers the searches and the prunings."""

import deepwright.verbs.tune.prunings
import deepwright.verbs.tune.searches  # noqa: F401
