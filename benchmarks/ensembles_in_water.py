"""Does a molecule in water sample the ensemble of constant pressure? Energies and volumes by physical_validation.

Langevin dynamics of the model in TIP3P water (rigid, PME) with OpenMM's Monte Carlo barostat, steps of 1 fs, by each
route at two temperatures and two pressures. Kinetic energy: how far mean and width are from Maxwell-Boltzmann's.
Volume: the slope of the logarithm of the ratio of the distributions at two pressures over what statistical mechanics
says; enthalpy: the same for two temperatures. All in standard errors; above three, something is wrong.

Needs the package physical_validation, which is among the extra "test".

Usage: python benchmarks/ensembles_in_water.py MODEL [--time 100] [--edge 1.7] [--platform CPU]
"""

import argparse

import ensemble_runs
import pressure_runs
from ensemble_runs import ROUTES

from hybridff import read_model
from hybridff.analysis.water_box import in_water

STATES = ((300.0, 1.0), (300.0, 601.0), (310.0, 1.0))
"""Temperatures [K] and pressures [bar]."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of a model")
    parser.add_argument("--time", type=float, default=100.0, help="of each run [ps]")
    parser.add_argument("--edge", type=float, default=1.7, help="of the box at the start [nm]")
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--routes", nargs="*", default=list(ROUTES))
    own = parser.parse_args()
    model = read_model(own.model).force_field
    box = in_water(model, own.edge)
    print(f"{model.molecule.name} in {box.n_water} waters, runs of {own.time:g} ps on {own.platform}\n")
    print("| route | kinetic: mean, width, three runs [errors] | volumes [errors] | enthalpies [errors] | mean [nm³] |")
    print("| --- | --- | --- | --- | --- |")
    for route in own.routes:
        runs = [pressure_runs.sampled(model, box, route, state, own.time, own.platform) for state in STATES]
        kinetic = ", ".join(f"{mean:.1f} and {width:.1f}" for mean, width in map(ensemble_runs.kinetic, runs))
        volumes, enthalpies = (ensemble_runs.potential(runs[0], run) for run in runs[1:])
        means = ", ".join(f"{run.volume.mean():.3f}" for run in runs if run.volume is not None)
        print(f"| {route} | {kinetic} | {volumes:.1f} | {enthalpies:.1f} | {means} |", flush=True)


if __name__ == "__main__":
    main()
