"""Gives i-PI, or any program that speaks its protocol, the energies and forces of a fitted model, through ASE.

Start i-PI first, with a socket of the same name or port in its input (``<ffsocket mode='unix' name='driver'>
<address>hybridff</address></ffsocket>``), and atoms in the order of the model's.

Usage: python examples/i_pi_client.py MODEL [--unix hybridff | --host localhost --port 31415]
"""

import argparse

import ase
import numpy as np
from ase.calculators.socketio import SocketClient

import hybridff as hf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder that 'hybridff fit' wrote")
    parser.add_argument("--unix", help="name of a Unix socket")
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=31415)
    options = parser.parse_args()
    molecule = hf.read_model(options.model).force_field.molecule.placed()
    positions = np.asarray(molecule.positions) * 10  # Å
    atoms = ase.Atoms(molecule.numbers, positions, calculator=hf.HybridFFCalculator(options.model))
    where = {"unixsocket": options.unix} if options.unix else {"host": options.host, "port": options.port}
    SocketClient(**where).run(atoms)


if __name__ == "__main__":
    main()
