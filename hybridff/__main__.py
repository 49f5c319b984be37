"""``python -m hybridff``."""

from hybridff.cli.app import main

main()
