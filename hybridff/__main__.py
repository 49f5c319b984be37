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
        for number in (signal.SIGINT, signal.SIGTERM):  # from here on they just end the process
            signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main()
