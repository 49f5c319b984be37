import numpy as np
import pytest
from models import force_field, molecule

from hybridff.errors import InputError
from hybridff.export.calculator import HybridFFCalculator
from hybridff.sampling.kinds import ORDER, Wanted, sampled

ALL = Wanted(frames=41, kinds=ORDER, temperatures=(300.0, 500.0))


def counts(name: str, wanted: Wanted, said: list[str]) -> dict[tuple[str, float | None], int]:
    found = sampled(molecule(name), HybridFFCalculator(force_field(name)), wanted, said.append)
    return {(own.kind, own.temperature): len(own.positions) for own in found}


def test_every_kind_has_its_share_and_what_one_lacks_others_make() -> None:
    said: list[str] = []
    assert counts("ethanol", ALL, said) == {
        ("conformers", None): 2,
        ("torsions", None): 9,
        ("modes", 300.0): 5,
        ("modes", 500.0): 5,
        ("metadynamics", 300.0): 10,
        ("dynamics", 300.0): 5,
        ("dynamics", 500.0): 5,
    }
    assert said == []


def test_a_molecule_without_bonds_that_turn_has_no_torsions_to_drive() -> None:
    said: list[str] = []
    kinds = counts("benzene", Wanted(frames=10, kinds=("torsions", "dynamics"), temperatures=(300.0,)), said)
    assert kinds == {("dynamics", 300.0): 10}
    assert said == ["Note: no torsions of benzene were made; the share goes to the kinds after it."]


def test_geometries_with_other_bonds_are_left_out_and_told() -> None:
    said: list[str] = []
    wanted = Wanted(frames=40, kinds=("modes",), temperatures=(3000.0,))
    (number,) = counts("ethanol", wanted, said).values()
    assert number < 40
    assert said[0].startswith(f"Note: left out {40 - number} of 40 geometries (modes at 3000 K): their bonds are not")
    assert said[1] == f"Note: these are {number} geometries, and not 40."


def test_conformers_that_all_lose_a_bond_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    own = molecule("ethanol")
    assert own.positions is not None
    torn = own.positions.copy()
    torn[8] += 1.0
    monkeypatch.setattr("hybridff.sampling.kinds.relaxed_conformers", lambda *given, **named: np.array([torn]))
    with pytest.raises(InputError, match=r"no conformer of ethanol keeps its bonds .O3-H9 at .* Å is broken"):
        counts("ethanol", ALL, [])
