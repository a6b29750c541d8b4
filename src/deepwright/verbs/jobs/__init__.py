"""Jobs: trainings side by side, each in a process of its own, on one set of prepared data."""
