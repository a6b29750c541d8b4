"""The commands, a file a theme."""
