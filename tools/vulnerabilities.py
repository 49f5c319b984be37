"""Known vulnerabilities of the pinned packages, by PyPI's record of their newest releases.

Where PyPI's records of single releases can be reached, ``pip-audit -r constraints.txt --no-deps`` says more.

Usage: python tools/vulnerabilities.py [FILE]
"""

import json
import re
import sys
import urllib.request
from pathlib import Path

from documented import ROOT


def pins(file: Path) -> dict[str, str]:
    """Versions by package of a file with a line ``name==version`` for each; leaves with a sentence for any other."""
    try:
        lines = [line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{file} cannot be read ({error}); give a file of pinned packages.")
    for line in filter(None, lines):
        if not re.fullmatch(r"[\w.-]+==[^\s=]+", line):
            sys.exit(f"{file}: {line!r} is not of the form name==version.")
    return dict(line.split("==") for line in lines if line)


def newest(package: str) -> tuple[str, list[str]]:
    """The newest release of a package, and the names of its known vulnerabilities."""
    with urllib.request.urlopen(f"https://pypi.org/pypi/{package}/json", timeout=30) as answer:
        record = json.load(answer)
    return record["info"]["version"], [entry["id"] for entry in record["vulnerabilities"]]


def main() -> None:
    """Print what is known, and leave with exit code 1 where that is a vulnerability."""
    wanted = pins(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "constraints.txt")
    older, known = [], []
    for package, version in wanted.items():
        try:
            release, found = newest(package)
        except (OSError, ValueError) as error:  # no answer, or one that is no JSON
            sys.exit(f"PyPI's record of {package} cannot be read ({error}).")
        older += [f"{package} {version} ({release})"] if release != version else []
        known += [f"{package} {release}: {', '.join(found)}"] if found else []
    print(f"{len(wanted)} packages, {len(wanted) - len(older)} at their newest release.")
    print(f"Older, and the newest: {', '.join(older) or 'none'}.")
    print(f"Known vulnerabilities of newest releases: {'; '.join(known) or 'none'}.")
    sys.exit(1 if known else 0)


if __name__ == "__main__":
    main()
