"""Methods side by side: how accurate, how fast to train and to run, and how stable."""
