"""From stock GAFF to a model by ``add_hybrid``'s lambda: end points, and the mean of dU/dlambda along the way.

In vacuum and in TIP3P water. The energy is linear in lambda, so dU/dlambda is the difference of the two end points at
the same geometry; its mean over each window is given with the standard error of ten blocks. The end points are compared
with the two Systems that have no lambda, energies and forces, in double precision.

Usage: python scripts/plot_lambda.py MODEL [--windows 11] [--time 20] [--edge 2.0] [--picture docs/images/lambda.png]
"""

from pathlib import Path

import numpy as np
from common import PICTURES, options_of, table, write

import hybridff as hf
from hybridff.analysis.lambda_path import NAME, end_deviation, windows
from hybridff.analysis.water_box import in_vacuum, in_water, nudged
from hybridff.gaff.start import stock_of
from hybridff.plots.curves_with_errors import ErrorCurve, error_curves
from hybridff.units import KCAL_MOL

KELVIN = 300.0


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("model", help="folder that 'hybridff fit' wrote")
    parser.add_argument("--windows", type=int, default=11)
    parser.add_argument("--time", type=float, default=20.0, help="of a window [ps]")
    parser.add_argument("--edge", type=float, default=2.0, help="of the box [nm]")
    parser.add_argument("--picture", type=Path, default=PICTURES / "lambda.png")
    options = parser.parse_args()
    model = hf.read_model(options.model).force_field
    start = stock_of(model)
    lambdas, curves = np.linspace(0, 1, options.windows), {}
    for place, platform in (("vacuum", "Reference"), ("water", "CPU")):
        box = in_vacuum(start) if place == "vacuum" else in_water(start, options.edge)
        old = box.system(start, cutoff=0.45 * options.edge)
        new = hf.add_hybrid(old, box.topology, model)
        mixed = hf.add_hybrid(old, box.topology, model, interpolate=NAME)
        x = nudged(box, seed=0)
        print(f"{model.molecule.name} in {place}, {len(x)} atoms,")
        print(f"{options.windows} windows of {options.time:g} ps at {KELVIN:g} K\n")
        for value, system in ((0.0, old), (1.0, new)):
            energy, force = end_deviation(mixed, system, value, x)
            print(f"lambda {value:g}: energy off by {energy:.1e}, forces by {force:.1e}, relative")
        found = windows(mixed, x, lambdas, time=options.time, temperature=KELVIN, platform=platform)
        means, errors = found.means / KCAL_MOL, found.errors / KCAL_MOL
        print()
        cells = zip(lambdas, means, errors, strict=True)
        table(
            ["lambda", "dU/dlambda [kcal/mol]"], [[f"{v:.2f}", f"{mean:.2f} ± {error:.2f}"] for v, mean, error in cells]
        )
        area, error = (value / KCAL_MOL for value in found.free_energy())
        print(f"\nfree energy by the trapezoidal rule: {area:.2f} ± {error:.2f} kcal/mol\n", flush=True)
        curves[f"in {place}"] = ErrorCurve(lambdas, means, 2 * errors)
    x_label, y_label = "λ, from stock GAFF (0) to the model (1)", "mean of dU/dλ ± 2 standard errors [kcal/mol]"
    write(options.picture, error_curves(curves, x_label, y_label))


if __name__ == "__main__":
    main()
