"""``python -m hybridff``."""

from hybridff.cli import main

main()
