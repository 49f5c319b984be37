"""More of ``hybridff analyse``: what comes from dynamics by several methods, all in OpenMM."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from hybridff.analysis.distances import all_pairs, compare_distances, parse_pair
from hybridff.analysis.methods import STOCK, method, running
from hybridff.analysis.minima import search
from hybridff.analysis.own_frames import OwnFrames, compare_own_errors
from hybridff.analysis.populations import compare_free_energies, compare_populations, distinguishing_rotors
from hybridff.analysis.sampling import SamplingOptions, sample_all
from hybridff.analysis.torsions import parse_torsion
from hybridff.analysis.vibrations import SpectrumOptions, compare_spectra
from hybridff.cli.analysing import (
    Files,
    MethodOptions,
    Others,
    Written,
    analyse,
    check_outputs,
    frames_of,
    methods,
    options_of,
    put_out,
    read_minima,
)
from hybridff.cli.terminal import progress, say
from hybridff.errors import InputError
from hybridff.export.modelfile import read_model

Sampling = Annotated[SamplingOptions | None, Parameter(name="*")]


@dataclass(frozen=True, kw_only=True)
class PopulationOptions:
    """What dynamics are asked for: populations of minima, or free energies along torsions."""

    torsion: Annotated[list[str] | None, Parameter(negative="")] = None
    """Numbers of its four atoms, such as 3,1,2,9: free energies along it. Twice for a map."""
    reference: Path | None = None
    """Minima with energies, in any format that fit reads; MODEL's own if left out."""
    bins: int = 36
    """Bins of each torsion."""

    def __post_init__(self) -> None:
        if self.torsion is not None and not 1 <= len(self.torsion) <= 2:
            raise InputError(f"free energies are along one or two torsions, not {len(self.torsion)}.")
        if self.torsion is not None and self.reference is not None:
            raise InputError(
                "minima mean nothing for free energies along torsions; leave --reference or --torsion out."
            )
        if self.bins < 2:
            raise InputError(f"option bins has to be at least 2, not {self.bins}.")


@analyse.command
def vdos(
    model: Path,
    others: Others = (STOCK,),
    /,
    *,
    spectra: Annotated[SpectrumOptions | None, Parameter(name="*", negative_iterable=())] = None,
    options: MethodOptions = None,
    files: Written = None,
) -> None:
    """Vibrational density of states from dynamics at constant energy, and where the bands of bonds to hydrogen lie."""
    spectra = spectra or SpectrumOptions()
    files = files or Files()
    check_outputs(files.table, files.picture)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    with progress("spectra") as advance:
        found = compare_spectra(molecule, calculators, spectra, say=say, progress=advance)
    put_out(found, files.table, files.picture)


@analyse.command(name="populations")
def basin_populations(
    model: Path,
    others: Others = (STOCK,),
    /,
    *,
    asked: Annotated[PopulationOptions | None, Parameter(name="*")] = None,
    sampling: Sampling = None,
    options: MethodOptions = None,
    files: Written = None,
) -> None:
    """Populations of minima, or free energies along one or two torsions, from dynamics, with standard errors.

    A frame belongs to the minimum whose torsions about bonds that turn are nearest, equal atoms exchanged, and of its
    mirror image where dynamics get there.
    """
    asked = asked or PopulationOptions()
    files = files or Files()
    check_outputs(files.table, files.picture)
    sampling = sampling or SamplingOptions()
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    chosen = (
        distinguishing_rotors(molecule)
        if asked.torsion is None
        else [parse_torsion(text, molecule) for text in asked.torsion]
    )
    if not chosen:
        raise InputError(f"{molecule.name} has no bond that turns one conformer into another; name a --torsion.")
    known = []
    if asked.torsion is None:
        with progress("minima") as advance, running(str(model)):
            known = (
                search(molecule, calculators[str(model)], progress=advance)
                if asked.reference is None
                else read_minima(asked.reference, molecule)
            )
    with progress("dynamics") as advance:
        visited = sample_all(molecule, calculators, sampling, say=say, progress=advance)
    if asked.torsion is None:
        put_out(compare_populations(molecule, visited, known, chosen), files.table, files.picture)
    else:
        put_out(compare_free_energies(molecule, visited, chosen, asked.bins), files.table, files.picture)


@analyse.command(name="distances")
def distance_distributions(
    model: Path,
    others: Others = (STOCK,),
    /,
    *,
    pair: Annotated[
        list[str] | None,
        Parameter(help="Numbers of two atoms, such as 1,9; all pairs together if left out.", negative=""),
    ] = None,
    reference: Annotated[
        Path | None, Parameter(help="Frames to compare with, in any format that fit reads, of the same temperature.")
    ] = None,
    sampling: Sampling = None,
    options: MethodOptions = None,
    files: Written = None,
) -> None:
    """Distribution of distances between atoms in dynamics: of one pair or several, or of all pairs of the molecule."""
    files = files or Files()
    check_outputs(files.table, files.picture)
    sampling = sampling or SamplingOptions()
    if len(sampling.temperatures) != 1:
        raise InputError(f"distances are of one temperature, not of {len(sampling.temperatures)}.")
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    pairs = all_pairs(molecule) if pair is None else [parse_pair(text, molecule) for text in pair]
    visited = {} if reference is None else {str(reference): [frames_of(reference, molecule).positions]}
    with progress("dynamics") as advance:
        runs = sample_all(molecule, calculators, sampling, say=say, progress=advance)
    visited |= {name: list(own[sampling.temperatures[0]]) for name, own in runs.items()}
    put_out(compare_distances(visited, pairs), files.table, files.picture)


@analyse.command
def extrapolate(
    model: Path,
    others: Others = (),
    /,
    *,
    reference: Annotated[str, Parameter(help="Method that labels the frames: as for further methods.")],
    dynamics: Annotated[OwnFrames | None, Parameter(name="*", negative_iterable=())] = None,
    options: MethodOptions = None,
    files: Written = None,
) -> None:
    """Errors on frames of each method's own dynamics, labelled by a reference: does it know when it is wrong?

    As in D. P. Kovács et al., J. Chem. Theory Comput. 17, 7696 (2021), Fig. 5. Energies after subtraction of a constant
    that makes their mean right at the lowest temperature.
    """
    dynamics = dynamics or OwnFrames()
    files = files or Files()
    check_outputs(files.table, files.picture)
    force_field = read_model(model).force_field
    molecule, calculators = force_field.molecule, methods(force_field, model, others, options)
    label = method(reference, molecule, force_field, options_of(options).get(reference))
    with progress("own frames") as advance:
        found = compare_own_errors(molecule, calculators, label, dynamics, say=say, progress=advance)
    put_out(found, files.table, files.picture)
