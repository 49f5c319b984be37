import pytest

from hybridff.errors import InputError
from hybridff.frames.file_units import FileUnits, WantedUnits, force_unit, unit_name
from hybridff.units import ENERGIES, LENGTHS


@pytest.mark.parametrize(("text", "name"), [("Ang", "angstrom"), (" Å ", "angstrom"), ("NM", "nm"), ("a0", "bohr")])
def test_units_have_several_names(text: str, name: str) -> None:
    assert unit_name(text, LENGTHS, "length") == name


def test_an_unknown_unit_is_refused_with_those_known() -> None:
    with pytest.raises(
        InputError, match=r"a\.npz: 'inch' is not a known unit of length; use one of nm, angstrom, bohr"
    ):
        unit_name("inch", LENGTHS, "length", "a.npz")
    with pytest.raises(InputError, match="the options: 'angstrom' is not a known unit of energy"):
        unit_name("angstrom", ENERGIES, "energy")


def test_a_unit_of_force_is_an_energy_over_a_length() -> None:
    assert force_unit("Hartree/bohr") == ("hartree", "bohr")
    assert force_unit("kcal/mol/Å") == ("kcal/mol", "angstrom")
    with pytest.raises(InputError, match="'newton' is not a unit of force; write energy/length"):
        force_unit("newton")


def test_the_size_of_a_unit_of_force_is_that_of_its_parts() -> None:
    # 1 kcal/mol/Å is 41.84 kJ/mol/nm
    assert FileUnits("nm", "ev", "kcal/mol", "angstrom").force == pytest.approx(41.84)


def test_what_is_not_asked_for_is_as_the_file_has_it() -> None:
    assert WantedUnits(None, None, None).units("nm", "ev") == FileUnits("nm", "ev", "ev", "nm")
    assert WantedUnits("bohr", None, None).units("nm", "ev") == FileUnits("bohr", "ev", "ev", "bohr")
    assert WantedUnits(None, None, "hartree/bohr").units("nm", "ev") == FileUnits("nm", "ev", "hartree", "bohr")
