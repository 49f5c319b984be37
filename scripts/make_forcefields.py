"""Fit the force fields of ``forcefields/`` to labels of the project's own, and write their cards.

Labels that are missing are computed: ``make`` chooses those of a single molecule, for the alkanes' parameter set
``sample`` makes geometries. That work stays in a folder, so that a run goes on where it was stopped. The labels are
then kept beside the force field, those that train first, those that test last.

Usage: python scripts/make_forcefields.py forcefields [--only ethanol …] [--work forcefields-work]
"""

from pathlib import Path

from common import options_of, say
from forcefield_cards import index, model_card, set_card
from forcefield_labels import ALKANES, BUNDLED, MADE, chosen_labels, sampled_labels

import hybridff as hf
from hybridff.gaff.start import StartOptions
from hybridff.jobs.set_files import write_set
from hybridff.workflows.parameter_sets import set_of

SET = "alkanes"


def main() -> None:
    parser = options_of(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=(*BUNDLED, *MADE, SET), default=(*BUNDLED, *MADE, SET))
    parser.add_argument("--work", type=Path, default=Path("forcefields-work"), help="folder of labels in the making")
    options = parser.parse_args()
    for name in options.only:
        own = options.folder / name
        own.mkdir(parents=True, exist_ok=True)
        card = alkanes(own, options.work) if name == SET else one_molecule(own, options.work)
        (own / "CARD.md").write_text(card, encoding="utf-8")
    (options.folder / "README.md").write_text(index(options.folder), encoding="utf-8")


def one_molecule(folder: Path, work: Path) -> str:
    """Fit a molecule to labels that the package has, or that ``make`` chooses, into its folder; returns its card."""
    labels, job = Path(hf.__file__).parent / "data" / f"{folder.name}.npz", hf.FitJob()
    where = f"`hybridff/data/{labels.name}`, frames of hot GFN2-xTB dynamics; so are those of the test"
    if folder.name in MADE:
        labels = folder / "labels.npz"
        n_test, how = chosen_labels(folder.name, labels, work)
        n_train = len(hf.read_frames(labels)) - n_test
        start = work / folder.name / "start" / "pretrained"  # what ``make`` began with, where it is still there
        pretrain = str(start) if start.is_dir() else "gfn2-xtb"
        job = hf.FitJob.of(train=n_train, validation=0, in_order=True, pretrain=pretrain, report="brief")
        where = f"the first of `labels.npz`, chosen by `{how}`; the last are its test, dynamics at 300 K"
    fitted = hf.fit_molecule(labels, job, say=say)
    hf.write_model(fitted.model, folder)
    (document,) = fitted.report()
    (folder / "summary.md").write_text(document.markdown(), encoding="utf-8")
    return model_card(folder.name, fitted.model, where)


def alkanes(folder: Path, work: Path) -> str:
    """Fit a set to all alkanes but the last, and try it on that one; returns the card."""
    how = {name: sampled_labels(name, folder / f"{name}.npz", work) for name in ALKANES}
    *fitted, tested = how
    job = hf.FitJob.of(share="environment", validation=6, charges="am1bcc")
    run = hf.fit_molecule([folder / f"{name}.npz" for name in fitted], job, say=say)
    write_set(set_of(run.molecules), folder)
    unseen = hf.read_frames(folder / f"{tested}.npz")
    applied = hf.apply_parameter_set(folder, unseen.smiles or "").model.force_field
    stock = hf.parametrize(unseen.smiles or "", StartOptions(charges="am1bcc")).force_field
    return set_card(run, {tested: (hf.evaluate(stock, unseen), hf.evaluate(applied, unseen))}, how)


if __name__ == "__main__":
    main()
