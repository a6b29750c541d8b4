"""Training: the loop that yields events, and what it is made of; no kind has its name here."""
