"""Does a force field survive: relaxed scans and the stability gate."""
