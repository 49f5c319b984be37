"""Reports: what happened, for people, as a short summary and as one page."""
