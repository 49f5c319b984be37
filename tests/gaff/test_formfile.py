import textwrap
from pathlib import Path

import pytest

from hybridff.errors import InputError
from hybridff.gaff.formfile import read_form
from hybridff.gaff.forms import FormOptions

GOOD = """
name = "mine"
base = "none"

[features.x]
coordinate = "bond"
expression = "tanh((r - r0)/w)"
parameters.r0 = "reference"
parameters.w = {value = 0.4, unit = "angstrom"}

[features.c]
coordinate = "torsion"
expression = "cos(n*phi)"
parameters.n = [1, 2]

[features.d]
coordinate = "out_of_plane"
expression = "s"

[features.p]
coordinate = "pair"
expression = "1/r"

[[rows]]
name = "coupled"
features = ["x", "c"]
relation = "inside"
types = ["c3-*", "*-c3-oh-*"]
prior = 5

[[rows]]
features = ["d", "d"]
relation = "same"
lower = 0
prior = 5

[[rows]]
features = ["p"]
within = {value = 4, unit = "angstrom"}
prior = 5
"""

# What stands in the good file, what stands in its place, and what is said about it after the name of the file.
MISTAKES = {
    "a key missing": ('base = "none"', "", ": the key 'base' is missing; add it."),
    "a key too many": ('base = "none"', 'base = "none"\nbsae = 1', ": 'bsae' is no key; did you mean base."),
    "an unknown base": ('base = "none"', 'base = "gaff"', ": base has to be one of none, harmonic,"),
    "a built-in name": ('name = "mine"', 'name = "class2"', ": hybridff has a form of the name 'class2'; choose"),
    "no text": ('name = "mine"', "name = 3", ": name has to be a text in quotes, not 3."),
    "an unknown coordinate": ('"bond"', '"stretch"', ", [features.x]: coordinate has to be one of bond, pair, angle"),
    "another variable": ("1/r", "1/q", ", [features.p]: q is not declared as a parameter."),
    "an unknown function": ("tanh((", "atanh((", ", [features.x]: expression 'atanh((r - r0)/w)': atanh() is not"),
    "no expression": ("1/r", "1/r +", ", [features.p]: expression '1/r +' cannot be read: invalid syntax."),
    "a Python power": ("1/r", "r**2", ", [features.p]: expression 'r**2': write powers as x^2, not x**2."),
    "an endless power": ("1/r", "r + (9^9)^(9)", ", [features.p]: expression 'r + (9^9)^(9)': write the power of"),
    "a nested expression": ("1/r", "-" * 998 + "r", ", [features.p]: expression"),
    "a long expression": ("1/r", "r+" * 900 + "r", ", [features.p]: the expression has 1801 characters; 1000 is"),
    "no variable": ("1/r", "3", ", [features.p]: the expression depends on none of r; use one."),
    "no number somewhere": ("1/r", "sqrt(r - 0.2)", ", [features.p]: the expression or its slope is no finite number"),
    "a parameter too many": ("1/r", '1/r"\nparameters.k = 3 #', ", [features.p]: parameter k does not occur in it."),
    "a parameter named as a variable": (
        "1/r",
        '1/r"\nparameters.r = 3 #',
        ", [features.p]: parameter r has a variable's name.",
    ),
    "an unknown unit": (
        '"angstrom"}\n\n[features.c',
        '"mile"}\n\n[features.c',
        ", [features.x], parameters.w: unit 'mile'",
    ),
    "no unit": (', unit = "angstrom"}\n\n[features.c', "}\n\n[features.c", ", parameters.w: the key 'unit' is missing"),
    "a word for a number": ("[1, 2]", '"two"', ", [features.c], parameters: n has to be a number, {value"),
    "a value twice": ("[1, 2]", "[2, 2]", "parameters: n has to be a number or a list of different numbers"),
    "an infinite value": ("[1, 2]", "inf", "parameters: n has to be a number, not inf."),
    "a torsion's reference": (
        "[1, 2]",
        '"reference"',
        'parameters: n: only bonds, angles and pairs have a "reference"',
    ),
    "half a turn": ("[1, 2]", "0.5", ", [features.c]: the expression is not the same after a full turn of phi"),
    "a one-sided torsion": (
        "cos(n*phi)",
        "cos(n*phi)*sin(theta1)",
        ", [features.c]: the expression changes when theta1",
    ),
    "a handed torsion": ("cos(n*phi)", "cos(n*phi - 1)", ", [features.c]: a mirror image turns phi into -phi, and the"),
    "a handed row": (
        "cos(n*phi)",
        "sin(n*phi)",
        ", [[rows]] number 1: a mirror image of the molecule changes the sign",
    ),
    "an odd centre": (
        '["d", "d"]\nrelation = "same"',
        '["d"]',
        ", [[rows]] number 2: a mirror image of the molecule changes the sign",
    ),
    "an unknown feature": ('["d", "d"]', '["d", "e"]', ", [[rows]] number 2: features: there is no [features.e]"),
    "four features": (
        '["d", "d"]',
        '["d", "d", "d", "d"]',
        ", [[rows]] number 2: features has 4 names; 3 is the most.",
    ),
    "a feature unused": ('["p"]\nwithin = {value = 4, unit = "angstrom"}', '["x"]', ", [features.p]: no row uses it"),
    "no relation": ('relation = "inside"\n', "", ", [[rows]] number 1: a row of several features needs relation"),
    "two relations": (
        '"inside"',
        '"inside"\napart = 0',
        ", [[rows]] number 1: a row of several features needs relation",
    ),
    "a lonely relation": ('["p"]', '["p"]\napart = 1', ", [[rows]] number 3: apart is said of several features"),
    "different coordinates as one": (
        '"inside"',
        '"same"',
        'relation = "same" puts all features on one coordinate, but',
    ),
    "the wrong way round": (
        'features = ["x", "c"]',
        'features = ["c", "x"]',
        ', [[rows]] number 1: relation = "inside" puts all features inside the last, and a bond is not the largest.',
    ),
    "half a distance": ('relation = "inside"', "apart = 0.5", ", [[rows]] number 1: apart has to be a whole number"),
    "too few types": ('["c3-*", "*-c3-oh-*"]', '["c3-*"]', ", [[rows]] number 1: types has 1 entries for 2 features"),
    "types of another coordinate": (
        '"c3-*"',
        '"c3-c3-oh"',
        ", [[rows]] number 1: types: 'c3-c3-oh' is no bond; write 2",
    ),
    "no prior": ("lower = 0\nprior = 5", "lower = 0", ", [[rows]] number 2: the key 'prior' is missing; add it."),
    "a prior of no width": (
        "lower = 0\nprior = 5",
        "prior = 0",
        "number 2: prior has to be a positive width in kcal/mol",
    ),
    "a start out of bounds": ("lower = 0", "lower = 1", ", [[rows]] number 2: start (0) has to lie between lower and"),
    "a distance in degrees": (
        'value = 4, unit = "angstrom"',
        'value = 4, unit = "degree"',
        "within has to be a positive distance, in a",
    ),
    "a name twice": (
        'features = ["p"]',
        'name = "coupled"\nfeatures = ["p"]',
        "an earlier row is called 'coupled' too",
    ),
    "a name that values make too": ('features = ["p"]', 'name = "coupled 1"\nfeatures = ["p"]', "for two quantities"),
    "a reserved name": ('features = ["p"]', 'name = "constant"\nfeatures = ["p"]', "for two quantities; rename a row."),
    "an unknown key of a row": ('["p"]\nwithin', '["p"]\nwthin', "number 3: 'wthin' is no key; did you mean within."),
    "no rows": (GOOD[GOOD.index("[[rows]]") :], "", ": the key 'rows' is missing; add it."),
    "no TOML": ('base = "none"', "base = none", " is no TOML file: Invalid value"),
}


def read(folder: Path, text: str) -> None:
    path = folder / "form.toml"
    path.write_text(text, encoding="utf-8")
    read_form(path)


def test_the_good_file_is_good(tmp_path: Path) -> None:
    read(tmp_path, GOOD)


@pytest.mark.parametrize(("good", "bad", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_gets_one_sentence_with_file_table_and_key(
    good: str, bad: str, sentence: str, tmp_path: Path
) -> None:
    assert GOOD.count(good) == 1
    with pytest.raises(InputError) as caught:
        read(tmp_path, GOOD.replace(good, bad))
    message = str(caught.value)
    assert sentence in message
    assert message.startswith(str(tmp_path / "form.toml"))
    assert message.endswith(".")
    assert "\n" not in message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no form .*none\.toml; name an existing TOML file"):
        FormOptions(form=tmp_path / "none.toml").parsed  # noqa: B018 (it reads)


def test_a_periodicity_to_add_needs_a_base_with_gaffs_torsions(tmp_path: Path) -> None:
    path = tmp_path / "form.toml"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(InputError, match="option fourier adds to GAFF's torsions, which no base does not have"):
        FormOptions(form=path, fourier=3).parsed  # noqa: B018 (it reads)


def test_the_form_in_the_documentation_is_good(tmp_path: Path) -> None:
    docs = Path(__file__).resolve().parents[2] / "docs" / "forms.md"
    _, _, rest = docs.read_text(encoding="utf-8").partition("A whole form, with one coupling:\n")
    block = rest.partition("### The file")[0]
    read(tmp_path, textwrap.dedent(block))
    assert read_form(tmp_path / "form.toml").name == "stretch-bend"
