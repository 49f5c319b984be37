"""The house in numbers: folders, floors, arrows, sizes of files and functions, arguments, tests and scripts.

    python tools/house.py [FOLDER]      # of the clone in FOLDER, this one if left out

A *room* is a folder of the package, or a module at its root, and the folders of scripts, benchmarks and examples; an
*arrow* goes from a room to each other room that it imports from. Arrows that have to go for no circle to be left point
*back*; *floors* are the rooms on the longest way along the others.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

LONG_FILE, LONG_FUNCTION, MANY_ARGUMENTS = 400, 60, 7
Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(folder: Path) -> list[Path]:
    """Python files of a folder, in order."""
    return sorted(path for path in folder.rglob("*.py") if ".venv" not in path.parts)


def room(path: Path, package: Path) -> str:
    """The room of a module: its folder, or itself at the root of the package."""
    if not path.is_relative_to(package):
        return path.parent.name
    parts = path.relative_to(package).parts
    return parts[0] if len(parts) > 1 else path.stem


def arrows(package: Path, others: list[Path]) -> set[tuple[str, str]]:
    """Pairs of rooms, the first of which imports from the second."""
    rooms, found = {room(path, package) for path in files(package)}, set()
    for path in [*files(package), *(path for folder in others for path in files(folder))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if names and names[0] == package.name and isinstance(node, ast.ImportFrom):
                names = [f"{package.name}.{alias.name}" for alias in node.names]
            targets = [name.split(".")[1] for name in names if name.startswith(f"{package.name}.")]
            found |= {(room(path, package), target) for target in targets if target in rooms}
    return {(one, other) for one, other in found if one != other}


def levels(pairs: set[tuple[str, str]]) -> tuple[dict[str, int], set[tuple[str, str]]]:
    """The floor of each room that leads into no circle, and the arrows of those that do."""
    left, floor = {one for pair in pairs for one in pair}, dict[str, int]()
    while free := {one for one in left if not any(a == one and b in left for a, b in pairs)}:
        for one in free:
            floor[one] = 1 + max((floor[b] for a, b in pairs if a == one), default=0)
        left -= free
    return floor, {(a, b) for a, b in pairs if a in left and b in left}


def floors(pairs: set[tuple[str, str]]) -> tuple[int, list[tuple[str, str]]]:
    """The number of floors, and the arrows that point back: one after the other, that which frees the most rooms."""
    back: list[tuple[str, str]] = []
    while True:
        floor, circling = levels(pairs - {*back})
        if not circling:
            return max(floor.values()), back
        back.append(min(sorted(circling), key=lambda one: len(levels(pairs - {*back, one})[1])))


def functions(folder: Path) -> Iterator[tuple[str, Function]]:
    """All functions and methods of a folder, each with the place where it stands."""
    for path in files(folder):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, Function):
                yield f"{path.relative_to(folder.parent)}:{node.name}", node


def lines(folder: Path) -> int:
    """Lines of all Python files of a folder."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files(folder))


def main() -> None:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    package, tests, scripts = root / "hybridff", root / "tests", root / "scripts"
    pairs = arrows(package, [root / name for name in ("scripts", "benchmarks", "examples")])
    n_floors, back = floors(pairs)
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files(package)}
    own = dict(functions(package))
    lengths = {place: (node.end_lineno or 0) - node.lineno + 1 for place, node in own.items()}
    counts = {place: len(n.args.posonlyargs + n.args.args + n.args.kwonlyargs) for place, n in own.items()}
    p50, p90 = np.percentile(list(lengths.values()), [50, 90])
    at_root = [path for path in package.glob("*.py") if path.stem not in ("__init__", "__main__")]
    rows = {
        "modules at the root": len(at_root),
        "rooms": len({one for pair in pairs for one in pair}),
        "floors": n_floors,
        "arrows": len(pairs),
        "arrows back": f"{len(back)} {', '.join(f'{a} → {b}' for a, b in back)}",
        "files": len(sizes),
        f"files above {LONG_FILE} lines": sum(size > LONG_FILE for size in sizes.values()),
        "functions: lines p50 / p90 / max": f"{p50:.0f} / {p90:.0f} / {max(lengths.values())}",
        f"functions above {LONG_FUNCTION} lines": sum(length > LONG_FUNCTION for length in lengths.values()),
        f"functions with more than {MANY_ARGUMENTS} arguments": sum(n > MANY_ARGUMENTS for n in counts.values()),
        "lines of the package": lines(package),
        "lines of tests": lines(tests),
        "tests : package": f"{lines(tests) / lines(package):.2f}",
        "scripts: files, lines": f"{len(files(scripts))}, {lines(scripts)}",
    }
    print("\n".join(f"| {name} | {value} |" for name, value in rows.items()))


if __name__ == "__main__":
    main()
