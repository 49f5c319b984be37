"""A model in TIP3P water with particle-mesh Ewald: the sum of its parts, a nanosecond at constant pressure, box edges.

First, in double precision: the energy and the forces of the whole System against those of the same System without
anything inside the molecule plus the model alone. Then dynamics with a barostat, steps of 4 fs with constraints and
heavy hydrogens: density, potential energy and the model's own energy in blocks, with the slope over the run. At the end
of every block the molecule is moved by box vectors, which must change nothing.

Usage: python scripts/show_water.py MODEL [--time 1000] [--edge 3.2] [--platform CPU]
"""

from collections.abc import Iterable, Iterator

import numpy as np
from common import options_of, table

import hybridff as hf
from hybridff.analysis.water_box import (
    CUTOFF,
    EVERY,
    STEP,
    Block,
    PressureOptions,
    constant_pressure,
    in_water,
    sum_of_parts,
    trend,
)
from hybridff.units import KCAL_MOL

HEADER = ("time [ps]", "density [g/mL]", "potential energy [kcal/mol]", "inside [kcal/mol]", "T [K]", "jump [kcal/mol]")


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("model", help="folder that 'hybridff fit' wrote")
    parser.add_argument("--time", type=float, default=1000.0, help="[ps]")
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--edge", type=float, default=3.2, help="of the box at the start [nm]")
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    model = hf.read_model(options.model).force_field
    box = in_water(model, options.edge)
    print(f"{model.molecule.name} in {box.n_water} waters, PME with a cutoff of {CUTOFF} nm\n")
    parts = sum_of_parts(model, box, options.seed)
    print(f"whole {parts.whole:.6f} kJ/mol, without the molecule's inside {parts.rest:.6f}, the model alone ", end="")
    print(f"{parts.alone:.6f}:\nsum of parts off by {parts.energy_deviation:.1e} of the energy,")
    print(f"by {parts.force_deviation:.1e} of the root mean square force\n")
    how = PressureOptions(time=options.time, blocks=options.blocks, platform=options.platform, seed=options.seed)
    blocks: list[Block] = []
    table(HEADER, rows(constant_pressure(model, box, how), blocks))
    print(f"\nthe molecule's centre crossed faces of the box {sum(block.crossings for block in blocks)} times")
    series = {
        "density [g/mL]": (4, np.concatenate([block.density for block in blocks])),
        "potential energy [kcal/mol]": (1, np.concatenate([block.potential for block in blocks]) / KCAL_MOL),
        "inside [kcal/mol]": (2, np.concatenate([block.inside for block in blocks]) / KCAL_MOL),
    }
    for name, (n, values) in series.items():
        found = trend((np.arange(len(values)) + 1) * EVERY * STEP / 1000, values, options.blocks)
        slope = f"{found.slope:.{n}f} ± {found.slope_error:.{n}f}"
        print(f"{name}: {found.mean:.{n}f} ± {found.error:.{n}f}, slope {slope} per ns")


def rows(run: Iterable[Block], blocks: list[Block]) -> Iterator[list[str]]:
    """A row for each block, which is added to the blocks."""
    for block in run:
        blocks.append(block)
        energies = f"{block.potential.mean() / KCAL_MOL:.1f}", f"{block.inside.mean() / KCAL_MOL:.2f}"
        last = f"{block.temperature.mean():.1f}", f"{block.jump / KCAL_MOL:.1e}"
        yield [f"{block.time:.0f}", f"{block.density.mean():.4f}", *energies, *last]


if __name__ == "__main__":
    main()
