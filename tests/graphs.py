"""Graphs of molecules for RDKit, made by hand."""

from rdkit import Chem

from hybridff.molecules.molecule import Molecule


def plain_graph(owner: Molecule) -> Chem.Mol:
    """Elements and single bonds for RDKit."""
    graph = Chem.RWMol()
    for number in owner.numbers.tolist():
        graph.AddAtom(Chem.Atom(number))
    for i, j in owner.bonds.tolist():
        graph.AddBond(i, j, Chem.BondType.SINGLE)
    return graph.GetMol()
