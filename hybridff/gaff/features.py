"""The declarations: each feature is one function of one internal coordinate, written down once.

Torch, the fit and OpenMM all read the ``expression``; no formula stands anywhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from torch import Tensor

from hybridff.errors import InputError
from hybridff.expressions.expression import Expression
from hybridff.geometry import COORDINATES
from hybridff.units import COULOMB


@dataclass(frozen=True)
class Parameter:
    """A parameter of a feature: its unit and meaning."""

    unit: str
    meaning: str


@dataclass(frozen=True)
class Feature:
    """One function of one internal coordinate.

    Raises ``InputError`` when the expression uses a name that is neither a variable of the coordinate nor a parameter,
    when a declared parameter does not occur, or when it has the name of a variable.
    """

    name: str
    coordinate: str
    expression: Expression
    parameters: Mapping[str, Parameter]
    source: str
    span: tuple[tuple[str, Expression], ...] = ()
    """Features without adjustable parameters, each with a weight: their weighted sum is this feature up to a constant.

    With it a fit needs the frames only once, whatever values the parameters take on the way.
    """
    variables: tuple[str, ...] = field(init=False)
    """Variables of the coordinate that occur in the expression."""

    def __post_init__(self) -> None:
        if self.coordinate not in COORDINATES:
            raise InputError(
                f"feature {self.name}: coordinate {self.coordinate!r} is not one of {', '.join(COORDINATES)}."
            )
        offered = COORDINATES[self.coordinate].variables
        object.__setattr__(self, "variables", tuple(name for name in offered if name in self.expression.names))
        unknown = self.expression.names - set(self.parameters) - set(offered)
        if unknown:
            raise InputError(f"feature {self.name}: {', '.join(sorted(unknown))} is not declared as a parameter.")
        ambiguous = set(self.parameters) & set(offered)
        if ambiguous:
            raise InputError(f"feature {self.name}: parameter {', '.join(sorted(ambiguous))} has a variable's name.")
        unused = set(self.parameters) - self.expression.names
        if unused:
            raise InputError(f"feature {self.name}: parameter {', '.join(sorted(unused))} does not occur in it.")

    def evaluate(self, variables: Mapping[str, Tensor], parameters: Mapping[str, Tensor]) -> Tensor:
        """Value of the feature; all tensors broadcast against each other."""
        return self.expression.evaluate({**variables, **parameters})

    def slope(self, parameter: str) -> "Feature":
        """Its derivative with respect to one of its parameters: what a fit that is not linear steps along."""
        expression = self.expression.derivative(parameter)
        parameters = {name: declared for name, declared in self.parameters.items() if name in expression.names}
        name = f"slope of {self.name} by {parameter}"
        return Feature(name, self.coordinate, expression, MappingProxyType(parameters), self.source)

    def openmm(self, atoms: Sequence[str], parameters: Mapping[str, str]) -> str:
        """Its text for ``CustomCompoundBondForce``, with names of particles and of per-bond parameters."""
        variables = COORDINATES[self.coordinate].variables
        replacements = {
            name: variables[name].openmm.format(*(atoms[i] for i in variables[name].places)) for name in self.variables
        }
        return self.expression.openmm({**replacements, **parameters})


def _feature(
    name: str,
    coordinate: str,
    expression: str,
    parameters: dict[str, Parameter],
    source: str,
    span: tuple[tuple[str, str], ...] = (),
) -> Feature:
    weighted = tuple((feature, Expression(weight)) for feature, weight in span)
    return Feature(name, coordinate, Expression(expression), MappingProxyType(parameters), source, weighted)


_GAFF = "J. Wang et al., J. Comput. Chem. 25, 1157 (2004), eq. 1"

_LENGTH = Parameter("nm", "reference length")
_ANGLE = Parameter("rad", "reference angle")
_SLOPE = Parameter("1", "slope")
_CENTRE = Parameter("rad", "centre")
_PERIODICITY = Parameter("1", "periodicity, a whole number")
_UNIT = "H. E. Sauceda et al., arXiv:2008.04198 (2020): hidden unit of a network of one internal coordinate"
MORSE_RANGE = 20
"""Inverse of the range of the features morse and morse_square [1/nm]."""
_MORSE = "P. M. Morse, Phys. Rev. 34, 57 (1929), with a range of 2/Å; its powers make any anharmonic bond"
_CLASS2 = "J. R. Maple et al., J. Comput. Chem. 15, 162 (1994), eq. 1"
_FADING = "linear as far as heat goes, nothing beyond: a broken bond is coupled to nothing"
_BOUNDED = "linear as far as heat goes, bounded beyond; fading would upset the balance of the angles at one atom"
_REGULAR = "Fourier term that vanishes where three atoms are in line and the torsion is undefined"
_LINEAR = "a bend of atoms in line has two components: E. B. Wilson et al., Molecular Vibrations (1955), 4-1"
_BALANCED = "without a mean, which would be part of the other factor's own energy"
_LOCAL = "a correction that ends where data end"

FEATURES: Mapping[str, Feature] = MappingProxyType(
    {
        feature.name: feature
        for feature in (
            _feature(
                "harmonic_bond",
                "bond",
                "0.5*(r - r0)^2",
                {"r0": Parameter("nm", "equilibrium length")},
                _GAFF,
                span=(("bond_square", "1"), ("bond_length", "-r0")),
            ),
            _feature("bond_square", "bond", "0.5*r^2", {}, "span of harmonic_bond"),
            _feature("bond_length", "bond", "r", {}, "span of harmonic_bond"),
            _feature(
                "harmonic_angle",
                "angle",
                "0.5*(theta - theta0)^2",
                {"theta0": Parameter("rad", "equilibrium angle")},
                _GAFF,
                span=(("angle_square", "1"), ("angle_value", "-theta0")),
            ),
            _feature("angle_square", "angle", "0.5*theta^2", {}, "span of harmonic_angle"),
            _feature("angle_value", "angle", "theta", {}, "span of harmonic_angle"),
            _feature(
                "fourier",
                "torsion",
                "1 + cos(n*phi - phase)",
                {"n": Parameter("1", "periodicity, a whole number"), "phase": Parameter("rad", "phase")},
                _GAFF,
            ),
            _feature(
                "lennard_jones",
                "pair",
                "4*((sigma/r)^12 - (sigma/r)^6)",
                {"sigma": Parameter("nm", "distance of zero energy")},
                _GAFF,
            ),
            _feature("repulsion", "pair", "(sigma/r)^12", {"sigma": Parameter("nm", "distance of unit energy")}, _GAFF),
            _feature("coulomb", "pair", f"{COULOMB!r}/r", {}, _GAFF),
            _feature("morse", "bond", f"1 - exp(-{MORSE_RANGE}*(r - r0))", {"r0": _LENGTH}, _MORSE),
            _feature("morse_square", "bond", f"(1 - exp(-{MORSE_RANGE}*(r - r0)))^2", {"r0": _LENGTH}, _MORSE),
            _feature(
                "morse_bond",
                "bond",
                "(1 - exp(-a*(r - r0)))^2",
                {"a": Parameter("1/nm", "inverse of the range"), "r0": Parameter("nm", "equilibrium length")},
                "P. M. Morse, Phys. Rev. 34, 57 (1929)",
            ),
            _feature(
                "bond_unit",
                "bond",
                "tanh(w*(r - c))",
                {"w": Parameter("1/nm", "slope"), "c": Parameter("nm", "centre")},
                _UNIT,
            ),
            _feature("angle_unit", "angle", "tanh(w*(cos(theta) - cos(c)))", {"w": _SLOPE, "c": _CENTRE}, _UNIT),
            _feature("torsion_unit", "torsion", "tanh(w*(cos(phi) - cos(c)))", {"w": _SLOPE, "c": _CENTRE}, _UNIT),
            _feature("bend", "angle", "theta - theta0", {"theta0": _ANGLE}, _CLASS2),
            _feature("bend_square", "angle", "(theta - theta0)^2", {"theta0": _ANGLE}, _CLASS2),
            _feature("local_stretch", "bond", "20*(r - r0)*exp(-((r - r0)/0.06)^4)", {"r0": _LENGTH}, _FADING),
            _feature("bounded_bend", "angle", "0.8*tanh((theta - theta0)/0.8)", {"theta0": _ANGLE}, _BOUNDED),
            _feature("linear_bend_square", "angle", "2*(1 + cos(theta))", {}, "square of the bend of atoms in line"),
            _feature("linear_bends", "torsion", "bends", {}, _LINEAR),
            _feature("regular_cos", "torsion", "sin(theta1)*sin(theta2)*cos(n*phi)", {"n": _PERIODICITY}, _REGULAR),
            _feature("regular_sin", "torsion", "sin(theta1)*sin(theta2)*sin(n*phi)", {"n": _PERIODICITY}, _REGULAR),
            _feature("out_of_plane", "out_of_plane", "s", {}, "triple product of the unit vectors along three bonds"),
            _feature("pair_gaussian", "pair", "exp(-((r - r0)/0.06)^2)", {"r0": _LENGTH}, _LOCAL),
            _feature("pair_soft", "pair", "1/sqrt(r^2 + 0.04)", {}, _LOCAL),
            _feature(
                "pair_inverse",
                "pair",
                "1/sqrt(r^2 + 0.01) - mean",
                {"mean": Parameter("1/nm", "what is subtracted")},
                f"for products; finite at r = 0; {_BALANCED}",
            ),
            _feature(
                "pair_contact",
                "pair",
                "1/(exp(20*(r - r0)) + 0.3) - mean",
                {"r0": _LENGTH, "mean": Parameter("1", "what is subtracted")},
                f"for products; bounded; {_BALANCED}",
            ),
            _feature(
                "pair_wall", "pair", "exp(-40*(r - r0))", {"r0": _LENGTH}, "Born and Mayer, Z. Phys. 75, 1 (1932)"
            ),
            _feature(
                "buffered_exp6",
                "pair",
                "exp(12*(1 - r/r0)) - 2/((r/r0)^6 + 0.046656)",
                {"r0": Parameter("nm", "distance of the minimum")},
                "Buckingham, Proc. R. Soc. A 168, 264 (1938), with zeta = 12 and its dispersion damped at 0.6 r0",
            ),
            _feature("soft_coulomb", "pair", f"{COULOMB!r}/sqrt(r^2 + 0.01)", {}, "Coulomb, finite at r = 0"),
        )
    }
)
