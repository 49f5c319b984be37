"""Does dynamics of a model sample the canonical ensemble? Kinetic and potential energies by physical_validation.

Langevin dynamics of the isolated molecule on the Reference platform, steps of 0.25 fs, at two temperatures, for stock
GAFF and the model by each route. Kinetic energy: how far the mean and the width of the distribution are from
Maxwell-Boltzmann's, as temperatures. Potential energy: the slope of the logarithm of the ratio of both distributions
over what Boltzmann's factor says, in standard errors. Above three, something is wrong.

Needs the package physical_validation, which is among the extra "test".

Usage: python benchmarks/ensembles.py MODEL [--time 100] [--plain-time 10] [--temperatures 300 320]
"""

import argparse

import ensemble_runs
from ensemble_runs import ROUTES

from hybridff import read_model
from hybridff.gaff.start import stock_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of a model")
    parser.add_argument("--time", type=float, default=100.0, help="of each run [ps]")
    parser.add_argument("--plain-time", type=float, default=10.0, help="of each run by torch alone [ps]")
    parser.add_argument("--temperatures", type=float, nargs=2, default=(300.0, 320.0))
    own = parser.parse_args()
    fitted = read_model(own.model).force_field
    print("| model | route | kinetic: mean, width [errors], two runs | potential [errors] | samples |")
    print("| --- | --- | --- | --- | --- |")
    for name, model in (("stock GAFF", stock_of(fitted)), (fitted.form, fitted)):
        for route in ROUTES:
            length = own.plain_time if route == "plain" else own.time
            runs = [ensemble_runs.sampled(model, route, kelvin, length) for kelvin in own.temperatures]
            kinetic = ", ".join(f"{mean:.1f} and {width:.1f}" for mean, width in map(ensemble_runs.kinetic, runs))
            potential = ensemble_runs.potential(*runs)
            print(f"| {name} | {route} | {kinetic} | {potential:.1f} | {len(runs[0])} |", flush=True)


if __name__ == "__main__":
    main()
