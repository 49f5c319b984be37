from pathlib import Path

import pytest

from hybridff.errors import InputError
from hybridff.molecules.prmtop import check_prmtop

GOOD = (Path(__file__).parents[1] / "fuzz" / "seeds" / "ethanol.prmtop").read_text(encoding="utf-8")


def without(name: str) -> str:
    begin = GOOD.index(f"%FLAG {name}")
    return GOOD[:begin] + GOOD[GOOD.index("%FLAG", begin + 1) :]


def with_first(name: str, entry: str) -> str:
    """The first entry of a section replaced."""
    begin = GOOD.index("\n", GOOD.index("%FORMAT", GOOD.index(f"%FLAG {name}"))) + 1
    return GOOD[:begin] + entry + GOOD[begin + len(entry) :]


def test_a_sound_prmtop_passes() -> None:
    check_prmtop("a.prmtop", GOOD)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", "not an AMBER prmtop file"),
        (without("DIHEDRAL_PHASE"), "the section DIHEDRAL_PHASE is missing"),
        (without("POINTERS"), "the section POINTERS is missing"),
        (with_first("POINTERS", "99999999"), "NATOM = 99999999, which cannot be"),
        (with_first("POINTERS", "      10"), "the section ATOM_NAME has 9 entries, of 10"),
        (with_first("CHARGE", "             nan"), "the section CHARGE has an entry that is no finite number"),
        (with_first("BONDS_INC_HYDROGEN", "     999"), "row 1 of the section BONDS_INC_HYDROGEN names an atom"),
        (
            with_first("BONDS_INC_HYDROGEN", "       x"),
            "BONDS_INC_HYDROGEN has an entry that is no integer",
        ),
        (GOOD.replace("(10I8)", "(10I0)", 1), "entries of no width"),
        (GOOD + "%FLAG CHARGE\n", "the section CHARGE is there twice"),
    ],
)
def test_the_section_that_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_prmtop("a.prmtop", text)
