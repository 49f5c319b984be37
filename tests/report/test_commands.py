import shlex

from hybridff.fitting.options import FitOptions
from hybridff.gaff.forms import FormOptions
from hybridff.gaff.start import StartOptions
from hybridff.hybrid.options import CorrectionOptions
from hybridff.jobs.fitting import DataOptions, SplitOptions
from hybridff.report.commands import Request, changed, correction_in_python, fit_in_python

SETS = (
    SplitOptions(train=30, validation=10),
    StartOptions(charges="my charges.txt"),
    DataOptions(length_unit="bohr", trust_data=True),
    FormOptions(form="morse"),
    FitOptions(prior_scale=0.5),
    CorrectionOptions(kernel_width=0.3),
)


def test_a_command_names_what_differs_from_the_defaults_and_nothing_else():
    assert changed(SplitOptions()) == {}
    request = Request("fit", ("a b.npz",), SETS, {"molecule": "C[C@H](O)F", "correction": ["all", "1,2"], "out": "x"})
    words = shlex.split(request.shell().replace("\\\n", " "))
    assert words == [
        *("hybridff", "fit", "a b.npz", "--train", "30", "--validation", "10", "--charges", "my charges.txt"),
        *("--length-unit", "bohr", "--trust-data", "--form", "morse", "--prior-scale", "0.5", "--kernel-width", "0.3"),
        *("--molecule", "C[C@H](O)F", "--correction", "all", "--correction", "1,2", "--out", "x"),
    ]
    assert max(map(len, request.shell().splitlines())) < 100


def test_options_that_were_not_given_are_left_out():
    single = {"molecule": None, "keep_posterior": False, "correction": None, "out": "x"}
    request = Request("fit", ("a.npz",), (), single)
    assert request.shell() == "hybridff fit a.npz --out x"


def test_the_python_of_a_fit_compiles_and_passes_every_option():
    request = Request("fit", ("a b.npz",), SETS, {"molecule": "C'C", "correction": ["all"]})
    text = fit_in_python(request)
    compile(text, "page", "exec")
    for part in (
        "SplitOptions(train=30, validation=10)",
        "StartOptions(charges='my charges.txt')",
        "options=DataOptions(length_unit='bohr', trust_data=True)",
        "FormOptions(form='morse')",
        "FitOptions(prior_scale=0.5)",
        "CorrectionOptions(kernel_width=0.3)",
        "corrections=['all']",
        'hf.Molecule.read("C\'C")',
        "Path('a b.npz')",
    ):
        assert part in text


def test_the_python_of_a_correction_reads_the_posterior_where_it_was_used():
    request = Request("correct", ("DIR", "a.npz"), (), {"correction": ["1,2,3"], "alone": True})
    text = correction_in_python(request, posterior=True)
    compile(text, "page", "exec")
    assert "Posterior.read(Path('DIR') / POSTERIOR" in text
    assert "alone=True" in text
    assert "Posterior" not in correction_in_python(request)
