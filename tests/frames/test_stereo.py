from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hybridff.errors import InputError
from hybridff.frames.dataset import Frames
from hybridff.frames.stereo import check_stereo
from hybridff.jobs.options import DataOptions
from hybridff.jobs.reading import read_data
from hybridff.molecules.molecule import Molecule


def mapped(smiles: str) -> Molecule:
    return Molecule.from_smiles(smiles, "trial").with_embedded_positions(seed=2)


def looked_at(own: Molecule, *of: Molecule) -> tuple[list[int], tuple[str, ...]]:
    other, notes = check_stereo(own, frames(*of), "data")
    return np.flatnonzero(other).tolist(), notes


def frames(*molecules: Molecule) -> np.ndarray:
    """Geometries of several molecules with a little noise [nm]."""
    positions = [own.positions for own in molecules if own.positions is not None]
    return np.array(positions) + np.random.default_rng(0).normal(0, 0.002, (len(positions), *positions[0].shape))


E, Z = mapped("C/C=C/C"), mapped("C/C=C\\C")
R, S = mapped("C[C@H](O)F"), mapped("C[C@@H](O)F")
MESO, PAIR = mapped("C[C@H](O)[C@H](O)F"), mapped("C[C@H](O)[C@@H](O)F")


@pytest.mark.parametrize("own", [E, Z, R, S, MESO, PAIR], ids=["E", "Z", "R", "S", "one", "other"])
def test_frames_of_the_molecule_pass(own: Molecule) -> None:
    assert looked_at(own, own, own, own) == ([], ())


def test_frames_of_the_other_side_of_a_double_bond_are_refused() -> None:
    sentence = r"data: all frames are another stereoisomer than trial \(1, 2\): in frame 1, C2=C3 is E, and Z in the"
    with pytest.raises(InputError, match=sentence):
        check_stereo(Z, frames(E, E), "data")
    with pytest.raises(InputError, match=r"data: 1 of 3 frames are another stereoisomer than trial \(8\): in frame 8,"):
        check_stereo(E, frames(E, Z, E), "data", np.array([1, 7, 8]))


def test_frames_of_a_diastereomer_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"data: all frames are another stereoisomer .* frame 1, C\d is [RS], and [RS]"
    ):
        check_stereo(MESO, frames(PAIR), "data")


def test_few_frames_of_another_stereoisomer_are_left_out() -> None:
    other, (note,) = check_stereo(E, frames(*[E] * 15, Z, *[E] * 14), "data", np.arange(30) + 5)
    assert np.flatnonzero(other).tolist() == [15]
    assert note == (
        "left out 1 of 30 frames: another stereoisomer than trial (21): in frame 21, C2=C3 is Z, and E in the molecule."
    )


RIBITOL, OTHER = (mapped(f"OC[C@H](O)[{hand}H](O)[C@H](O)CO") for hand in ("C@", "C@@"))


@pytest.mark.parametrize("own", [R, PAIR, RIBITOL], ids=["one", "two", "ribitol"])
def test_mirror_images_have_the_same_energies_and_are_a_note(own: Molecule) -> None:
    assert own.positions is not None
    image = replace(own, positions=-own.positions)
    note = "all frames are mirror images of trial, which have the same energies"
    assert looked_at(own, image, image) == ([], (note,))
    assert looked_at(own, own, image, own)[1][0].startswith("1 of the 3 frames are mirror images")


def test_a_pseudoasymmetric_centre_tells_diastereomers_apart() -> None:
    with pytest.raises(InputError, match=r"data: all frames are another stereoisomer"):
        looked_at(RIBITOL, OTHER)


def test_what_the_molecule_leaves_open_is_not_looked_at() -> None:
    assert looked_at(mapped("CC=CC"), E, Z) == ([], ())


@pytest.mark.parametrize("smiles", ["C/N=C(\\C)N", "C[N@]1C[C@H]1C"], ids=["amidine", "aziridine"])
def test_what_turns_or_inverts_is_not_looked_at(smiles: str) -> None:
    swapped = smiles.replace("\\", "/").replace("[N@]", "[N@@]")
    assert swapped != smiles
    assert looked_at(mapped(smiles), mapped(swapped)) == ([], ())
    oxime = mapped("C/C=N/O")
    with pytest.raises(InputError, match="C2=N3 is Z, and E in the molecule"):
        looked_at(oxime, mapped("C/C=N\\O"))


def test_data_of_the_other_isomer_are_refused_where_they_are_read(tmp_path: Path) -> None:
    """Springs between all atoms of the E isomer, read as data of the Z isomer."""
    rest, stiff = frames(E)[0], 1e5
    x = rest + np.random.default_rng(1).normal(0, 0.004, (20, *rest.shape))
    i, j = np.triu_indices(len(rest), 1)
    lines = x[:, i] - x[:, j]
    lengths = np.linalg.norm(lines, axis=-1)
    stretched = lengths - np.linalg.norm(rest[i] - rest[j], axis=-1)
    pulls, forces = stiff * (stretched / lengths)[..., None] * lines, np.zeros_like(x)
    for pair, (one, other) in enumerate(zip(i.tolist(), j.tolist(), strict=True)):
        forces[:, one] -= pulls[:, pair]
        forces[:, other] += pulls[:, pair]
    energies = 0.5 * stiff * (stretched**2).sum(1)
    Frames(E.numbers, x, energies, forces, "trial", None, "springs").write(tmp_path / "data.npz")
    assert len(read_data([tmp_path / "data.npz"], E)[0].frames) == 20
    with pytest.raises(InputError, match=r"data\.npz: all frames are another stereoisomer"):
        read_data([tmp_path / "data.npz"], Z)
    assert len(read_data([tmp_path / "data.npz"], Z, DataOptions(trust_data=True))[0].frames) == 20
