"""Print, as Markdown, the licences of what hybridff depends on, as installed packages state them: docs/licences.md.

Usage: python tools/licences.py > docs/licences.md
"""

import re
import tomllib
from importlib import metadata
from pathlib import Path

HEAD = """# Licences of dependencies

hybridff itself is MIT. The packages that it names in `pyproject.toml`, with what they state in their metadata
(`python tools/licences.py`).
Programs under the GPL (AmberTools) are run as separate processes, never imported.

| package | version | needed for | licence |
| --- | --- | --- | --- |"""


def main() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"": project["dependencies"]} | project["optional-dependencies"]
    needed: dict[str, list[str]] = {}
    for group, requirements in groups.items():
        for requirement in requirements:
            name = re.split(r"[\[<>=; ]", requirement)[0]
            if name != "hybridff":
                needed.setdefault(name, []).append(group or "everything")
    print(HEAD)
    for name, groups_of in sorted(needed.items(), key=lambda item: item[0].lower()):
        version, licence = stated(name)
        print(f"| {name} | {version} | {', '.join(groups_of)} | {licence} |")


def stated(name: str) -> tuple[str, str]:
    """Version and licence of an installed package."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return "–", "not installed where this page was made"
    classifiers = [text.split(" :: ")[-1] for text in about.get_all("Classifier", []) if text.startswith("License ::")]
    expression = about.get_all("License-Expression", [])
    texts = [line for text in about.get_all("License", []) for line in text.splitlines() if line.strip()]
    names = [line for line in texts if not line.startswith("Copyright")]
    return about["Version"], ", ".join(expression or classifiers) or (names or ["not stated"])[0]


if __name__ == "__main__":
    main()
