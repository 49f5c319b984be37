"""``hybridff`` and ``python -m hybridff``."""

import signal
import sys


def main() -> None:
    """Entry point: no traceback of an interruption while commands load, or of a second one."""
    try:
        from hybridff.cli.app import main as command

        command()
    except KeyboardInterrupt as error:
        sys.exit(128 + (error.args[0] if error.args else signal.SIGINT))
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a kill from here on just ends the process


if __name__ == "__main__":
    main()
