"""Damage to files, the same for the same number: bytes, numbers, words, lines, nesting, arrays and JSON."""

import io
import json
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from tokenize import TokenError
from typing import Any

import numpy as np

NUMBERS = ("0", "-1", "1e400", "-1e400", "nan", "inf", "999999999999", "1e308", "4294967296", "-2147483649", "1.5", "")
WORDS = (
    "\x00",
    "\ud7ff",
    "é",
    "$$$$",
    "M  END",
    "%FLAG",
    "@<TRIPOS>ATOM",
    "</System>",
    "<a>",
    "::",
    "=",
    "[",
    "#",
    "\t",
)
NESTS = (("(", ")"), ("[", "]"), ("{", "}"), ("<a>", "</a>"), ("[[", "]]"))
ODD: tuple[Any, ...] = (None, True, 0, -1, 1.5, 1e308, 2**63, -(2**70), "", "x", "C", [], {}, [[]], [1, [2]], {"a": 1})


def flipped(content: bytes, random: Random) -> bytes:
    """Some bits turned over."""
    damaged = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8))):
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def cut(content: bytes, random: Random) -> bytes:
    """Cut off, or a piece taken out."""
    begin = random.randrange(len(content))
    return content[:begin] + content[len(content) if random.random() < 0.5 else begin + random.randrange(1, 200) :]


def repeated(content: bytes, random: Random) -> bytes:
    """A piece of the file once more, somewhere else."""
    begin, place = random.randrange(len(content)), random.randrange(len(content))
    return content[:place] + content[begin : begin + random.randrange(1, 2000)] + content[place:]


def renumbered(content: bytes, random: Random) -> bytes:
    """A word that looks like a number becomes another one."""
    words = content.decode("latin-1").split(" ")
    numbers = [i for i, word in enumerate(words) if any(letter.isdigit() for letter in word)] or [0]
    for _ in range(random.choice((1, 1, 3))):
        i = random.choice(numbers)
        tail = "\n" + words[i].split("\n", 1)[1] if "\n" in words[i] else ""
        words[i] = random.choice(NUMBERS) + tail
    return " ".join(words).encode("latin-1")


def quoted_renumbered(content: bytes, random: Random) -> bytes:
    """A number between quotation marks becomes another one."""
    parts = content.split(b'"')
    for _ in range(random.choice((1, 1, 3))):
        parts[min(2 * random.randrange(max(len(parts) // 2, 1)) + 1, len(parts) - 1)] = random.choice(NUMBERS).encode()
    return b'"'.join(parts)


def reworded(content: bytes, random: Random) -> bytes:
    """Odd words set in."""
    place = random.randrange(len(content))
    return content[:place] + random.choice(WORDS).encode("utf-8") * random.choice((1, 1, 5)) + content[place:]


def reordered(content: bytes, random: Random) -> bytes:
    """Two lines exchanged, one doubled or left out."""
    lines = content.split(b"\n")
    i, j = random.randrange(len(lines)), random.randrange(len(lines))
    lines[i], lines[j] = lines[j], lines[i]
    if random.random() < 0.5:
        lines.insert(i, lines[j]) if random.random() < 0.5 else lines.pop(i)
    return b"\n".join(lines)


def nested(content: bytes, random: Random) -> bytes:
    """Deep brackets or elements set in."""
    opening, closing = random.choice(NESTS)
    depth = random.choice((50, 2000, 100_000))
    place = random.randrange(len(content))
    return content[:place] + opening.encode() * depth + closing.encode() * depth + content[place:]


def array_damaged(content: bytes, random: Random) -> bytes:
    """Arrays of an npz file of another shape, type or name, of NaN, or with a header that lies; checksums are right."""
    members: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(members))
    kind = random.randrange(4)
    if kind == 0:
        members[name] = random.choice((flipped, cut))(members[name], random)
    elif kind == 1:
        header, _, rest = members[name].partition(b"\n")
        lies = ("(999999999999,)", "(-1,)", "(3, 99999999, 99999999)", "()", "((((1,),),),)", "(0, 9999999999999)")
        begin, end = header.find(b"("), header.find(b")")
        lie = (header[:begin] + random.choice(lies).encode() + header[end + 1 :])[: len(header)].ljust(len(header))
        members[name] = lie + b"\n" + rest
    elif kind == 2:
        members[name], other = members[random.choice(list(members))], random.choice(list(members))
        members[other if random.random() < 0.5 else "more.npy"] = members[name]
    else:
        members[name] = _changed_array(members[name], random)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, value in members.items():
            archive.writestr(key, value)
    return written.getvalue()


def _changed_array(content: bytes, random: Random) -> bytes:
    array = np.load(io.BytesIO(content), allow_pickle=False)
    changes: list[Callable[[np.ndarray], np.ndarray]] = [
        lambda a: a.reshape(-1),
        lambda a: a[None],
        lambda a: a.reshape(-1)[:0],
        lambda a: a.reshape(-1)[: a.size // 2],
        lambda a: a.astype("S8"),
        lambda a: a.astype("U8"),
        lambda a: a.astype(complex) if a.dtype.kind in "iuf" else a,
        lambda a: a * np.nan if a.dtype.kind in "iuf" else a,
        lambda a: a * 1e300 if a.dtype.kind in "iuf" else a,
        lambda a: -a if a.dtype.kind in "if" else a,
        lambda a: np.zeros_like(a),
        lambda a: np.array(["\ud800"]),
        lambda a: np.array(1.0),
        lambda a: np.array("m"),
        lambda a: np.array(2**63, dtype=np.uint64),
    ]
    written = io.BytesIO()
    with np.errstate(all="ignore"):
        np.save(written, random.choice(changes)(array))
    return written.getvalue()


def json_damaged(content: bytes, random: Random) -> bytes:
    """A value anywhere in a JSON text replaced, left out, or exchanged with its neighbour."""
    whole = json.loads(content)
    places: list[tuple[Any, Any]] = []

    def walk(node: Any, depth: int) -> None:
        keys = list(node) if isinstance(node, dict) else range(min(len(node), 30)) if isinstance(node, list) else ()
        for key in keys:
            places.append((node, key))
            if depth < 8:
                walk(node[key], depth + 1)

    walk(whole, 0)
    for _ in range(random.choice((1, 1, 2))):
        node, key = random.choice(places)
        if isinstance(node, dict) and random.random() < 0.2:
            node.pop(key, None)
        elif isinstance(node, list) and random.random() < 0.2:
            node.append(random.choice(ODD))
        else:
            node[key if isinstance(node, dict) or key < len(node) else slice(0, 0)] = (
                random.choice(ODD) if isinstance(node, dict) or key < len(node) else [random.choice(ODD)]
            )
    return json.dumps(whole).encode("utf-8")


UNFIT = (
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    MemoryError,
    RuntimeError,
    EOFError,
    OSError,
    LookupError,
    TokenError,
)
ANY = (flipped, cut, repeated)
TEXT = (*ANY, renumbered, renumbered, reworded, reordered, reordered, nested)
XML = (*TEXT, quoted_renumbered, quoted_renumbered, quoted_renumbered, quoted_renumbered)
JSON = (flipped, cut, nested, reworded, *(json_damaged,) * 6)
NPZ = (*ANY, *(array_damaged,) * 7)
Mutation = Callable[[bytes, Random], bytes]


def mutated(content: bytes, mutations: tuple[Mutation, ...], number: int) -> bytes:
    """The damaged file of a number."""
    random = Random(number)
    for _ in range(random.choice((1, 1, 1, 2))):
        try:
            content = random.choice(mutations)(content or b" ", random)
        except UNFIT:
            content = flipped(content or b" ", random)  # too damaged already for a change that has to understand it
    return content
