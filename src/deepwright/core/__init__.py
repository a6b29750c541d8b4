"""The ground everything stands on: settings, registries, errors, files, seeds, clocks. Imports no torch."""
