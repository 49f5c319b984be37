import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openmm
import pytest
from boxes import FILES, energy, geometry, in_water, rich, topology_of
from openmm import app, unit

from hybridff.errors import InputError
from hybridff.export.modelfile import SavedModel, write_model
from hybridff.gaff.forcefield import ForceField
from hybridff.systems.templates import HybridFFTemplateGenerator

pytest.importorskip("openff.toolkit", reason="pip install 'hybridff[openff]'")
pytest.importorskip("validators", reason="pip install 'hybridff[openff]'")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # of other packages

OPTIONS = {"nonbondedMethod": app.PME, "nonbondedCutoff": 0.9 * unit.nanometer}


@pytest.fixture(autouse=True)
def without_their_log() -> Iterator[None]:
    """The generators before ours log as errors what they cannot load."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def model_and_folder(folder: Path) -> tuple[ForceField, str]:
    model = rich()
    folder.mkdir()
    write_model(SavedModel(model, None, {}), folder)
    return model, str(folder)


def generator_of(name: str, **options: object) -> "object":
    from openmmforcefields.generators import SystemGenerator

    import hybridff.systems.system_generator  # noqa: F401 (its class is found by its base)

    return SystemGenerator(forcefields=list(FILES), small_molecule_forcefield=name, **options)


def test_a_system_generator_takes_a_model_by_its_folder(tmp_path: Path) -> None:
    """The System is that of the template generator, PME, constraints, barostat and all."""
    model, folder = model_and_folder(tmp_path / "ethanol")
    forcefield = app.ForceField(*FILES)
    forcefield.registerTemplateGenerator(HybridFFTemplateGenerator(model).generator)
    topology, x = in_water(forcefield, topology_of([model], [range(9)]), geometry("ethanol"))
    expected = forcefield.createSystem(topology, constraints=app.HBonds, **OPTIONS)
    generator = generator_of(
        f"hybridff:{folder}",
        forcefield_kwargs={"constraints": app.HBonds},
        periodic_forcefield_kwargs=OPTIONS,
        barostat=openmm.MonteCarloBarostat(1.0, 300.0, 25),
    )
    system = generator.create_system(topology)  # type: ignore[attr-defined]
    assert energy(system, x) == pytest.approx(energy(expected, x), rel=1e-12)
    assert system.getNumConstraints() == expected.getNumConstraints() > 5
    assert [force.getName() for force in system.getForces()][-1] == "MonteCarloBarostat"


def test_molecules_with_charges_of_their_own_change_nothing(tmp_path: Path) -> None:
    """As openfe gives them to ``create_system``."""
    from openff.toolkit import Molecule
    from openff.units import unit as openff_unit

    model, folder = model_and_folder(tmp_path / "ethanol")
    molecule = Molecule.from_mapped_smiles(model.molecule.smiles)
    molecule.partial_charges = np.zeros(9) * openff_unit.elementary_charge
    generator = generator_of(f"hybridff:{folder}")
    topology, x = model.molecule.to_openmm_topology(), geometry("ethanol")
    alone = generator.create_system(topology)  # type: ignore[attr-defined]
    given = generator.create_system(topology, molecules=[molecule])  # type: ignore[attr-defined]
    assert energy(given, x) == pytest.approx(energy(alone, x), rel=1e-12)


def test_other_molecules_stay_those_of_another_generator(tmp_path: Path) -> None:
    """GAFF for what ``SystemGenerator`` is given, our model for what it is not: one registered beside the other."""
    model, folder = model_and_folder(tmp_path / "ethanol")
    generator = generator_of("gaff-2.2.20")
    generator.forcefield.registerTemplateGenerator(HybridFFTemplateGenerator(folder).generator)  # type: ignore[attr-defined]
    system = generator.create_system(model.molecule.to_openmm_topology())  # type: ignore[attr-defined]
    x = geometry("ethanol")
    forcefield = app.ForceField(*FILES)
    forcefield.registerTemplateGenerator(HybridFFTemplateGenerator(model).generator)
    assert energy(system, x) == pytest.approx(energy(forcefield.createSystem(model.molecule.to_openmm_topology()), x))


def test_names_of_nothing_are_refused() -> None:
    with pytest.raises(InputError, match=r"no model in nowhere: there is no model\.json"):
        generator_of("hybridff:nowhere")
    with pytest.raises(ValueError, match="No registered small molecule template generators could load"):
        generator_of("hybrid:nowhere")
