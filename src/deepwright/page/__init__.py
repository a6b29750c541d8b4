"""report.html from report blocks: one file that needs nothing else, in pure Python."""
