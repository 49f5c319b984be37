"""Pictures of a report: each as wide as a phone, with what is seen said in words."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from hybridff.analysis.populations import FreeEnergy
from hybridff.analysis.scan import Scan
from hybridff.document.blocks import Picture
from hybridff.frames.accuracy import predict
from hybridff.plots import errors as plots
from hybridff.report.before_after import BeforeAfter
from hybridff.units import DEGREE, KCAL_MOL

_BEFORE, _AFTER = "#9a9a9a", "#0b6e99"
_WIDTH, _HEIGHT = 4.4, 3.1
"""[inch]; 9 points are readable at the width of a phone."""
_STYLE: Any = {"font.size": 9, "svg.hashsalt": "hybridff", "axes.spines.top": False, "axes.spines.right": False}


def parity(pair: BeforeAfter) -> tuple[Picture, ...]:
    """Energies and force components of both force fields against the reference."""
    colours = dict(zip(pair.models, (_BEFORE, _AFTER), strict=True))
    predicted = {name: predict(model, pair.frames.positions) for name, model in pair.quick.items()}
    energies = {name: own[0] + pair.offsets[name] for name, own in predicted.items()}
    found = []
    for what in ("energies", "force components"):
        if what == "force components" and pair.frames.forces is None:
            continue
        with mpl.rc_context(_STYLE):
            figure = Figure(figsize=(_WIDTH, 4.0), layout="constrained")
            axes = figure.subplots()
            if what == "energies":
                plots.energy_parity(axes, plots.Parity(pair.frames.energies, energies), colours)
            elif pair.frames.forces is not None:
                forces = {name: own[1] for name, own in predicted.items()}
                plots.force_parity(axes, plots.Parity(pair.frames.forces, forces), colours)
            lines = [str(line.get_label()) for line in axes.get_lines() if "RMSE" in str(line.get_label())]
            alt = (
                f"Scatter plot of {what} on {pair.part} frames against the reference, with a diagonal where both "
                f"agree. {'; '.join(lines)}."
            )
            found.append(Picture(_png(figure), alt, f"{what.capitalize()} of {len(pair.frames)} {pair.part} frames."))
    return tuple(found)


def learning(sizes: Sequence[int], errors: Sequence[float], start: float, what: str, unit: str) -> Picture:
    """RMSE against the number of training frames, both axes logarithmic; ``start`` is that without a fit."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes()
        axes.axhline(start, color=_BEFORE, linestyle="--", linewidth=1.2, label="start")
        axes.plot(sizes, errors, "o-", color=_AFTER, linewidth=1.5, markersize=5, label="fit")
        axes.set(xscale="log", yscale="log", xlabel="training frames", ylabel=f"{what} RMSE [{unit}]")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.xaxis.set_minor_formatter(NullFormatter())
        _log_ticks(axes)
        _legend(axes)
    points = ", ".join(f"{error:.2f} with {size}" for size, error in zip(sizes, errors, strict=True))
    return Picture(_svg(figure), f"Curve of the {what} error against the number of training frames: {points}.")


def groups(names: Sequence[str], values: Mapping[str, Sequence[float]], title: str, label: str, unit: str) -> Picture:
    """RMSE of groups on a logarithmic scale, a colour for each force field."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes()
        for (name, own), colour in zip(values.items(), (_BEFORE, _AFTER), strict=True):
            axes.plot(range(len(names)), own, "o-", color=colour, label=name, linewidth=0.9, markersize=5)
        axes.set_xticks(range(len(names)), [name.replace(" to ", "\n to ") for name in names])
        axes.set(xlabel=label, ylabel=f"RMSE [{unit}]", title=title, yscale="log", xlim=(-0.5, len(names) - 0.5))
        _log_ticks(axes)
        _legend(axes)
    return Picture(_svg(figure), _alt(names, values, title, unit))


def along_torsion(
    names: Sequence[str], values: Mapping[str, Sequence[float]], title: str, label: str, unit: str
) -> Picture:
    """RMSE in intervals of a torsion, named as "-180 to -150"; a line where neighbours have frames too."""
    limits = [tuple(map(float, name.split(" to "))) for name in names]
    middles = np.array([(low + high) / 2 for low, high in limits])
    gaps = np.flatnonzero(np.diff(middles) > 1.5 * (limits[0][1] - limits[0][0])) + 1
    with mpl.rc_context(_STYLE):
        figure, axes = _axes()
        for (name, own), colour in zip(values.items(), (_BEFORE, _AFTER), strict=True):
            for number, part in enumerate(np.split(np.arange(len(middles)), gaps)):
                errors = np.array(own)[part]
                shown = name if number == 0 else None
                axes.plot(middles[part], errors, "o-", color=colour, label=shown, linewidth=0.9, markersize=5)
        axes.set(title=title, yscale="log", xlim=(-180, 180), xticks=range(-180, 181, 60))
        axes.set(xlabel=f"{label} [degrees]", ylabel=f"RMSE [{unit}]")
        _log_ticks(axes)
        _legend(axes)
    return Picture(_svg(figure), _alt(names, values, title, unit))


def _alt(names: Sequence[str], values: Mapping[str, Sequence[float]], title: str, unit: str) -> str:
    last = list(values)[-1]
    worst = int(np.argmax(values[last]))
    return (
        f"{title}: errors of {' and '.join(values)} in {len(names)} groups. The largest of {last} is "
        f"{values[last][worst]:.2f} {unit}, for {names[worst]}."
    )


def scan(found: Mapping[str, Scan], label: str, seen: Float[np.ndarray, " _"]) -> Picture:
    """Energies along a torsion; ``seen`` are its angles in the training frames [degrees], drawn as a strip below."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes()
        for (name, own), colour in zip(found.items(), (_BEFORE, _AFTER), strict=True):
            angles = np.append(own.angles[0] / DEGREE, 180.0)
            energies = np.append(own.energies, own.energies[0]) / KCAL_MOL
            axes.plot(angles, energies, "o-", color=colour, markersize=3, linewidth=1.4, label=name)
        _strip(axes, seen)
        _torsion_axes(axes, label)
    heights = ", ".join(
        f"{name} up to {np.nanmax(own.energies) / KCAL_MOL:.1f} kcal/mol" for name, own in found.items()
    )
    return Picture(_svg(figure), f"Energy along the torsion {label}: {heights}.")


def profile(found: Mapping[str, FreeEnergy], label: str, seen: Float[np.ndarray, " _"]) -> Picture:
    """Free energies along a torsion with their standard errors, and the training frames as in ``scan``."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes()
        for (name, own), colour in zip(found.items(), (_BEFORE, _AFTER), strict=True):
            angles, errors = own.angles[0] / DEGREE, own.errors / KCAL_MOL
            values = np.where(np.isfinite(own.values), own.values, np.nan) / KCAL_MOL
            axes.plot(angles, values, color=colour, linewidth=1.5, label=name)
            axes.fill_between(angles, values - errors, values + errors, color=colour, alpha=0.2, lw=0)
        _strip(axes, seen)
        _torsion_axes(axes, label)
        axes.set_ylabel("free energy [kcal/mol]")
    lowest = {name: own.angles[0][int(np.argmin(own.values))] / DEGREE for name, own in found.items()}
    lows = ", ".join(f"{name} lowest at {angle:.0f}°" for name, angle in lowest.items())
    return Picture(_svg(figure), f"Free energy along the torsion {label}: {lows}.")


def spectrum(frequencies: Mapping[str, Float[np.ndarray, " _"]]) -> Picture:
    """Frequencies [1/cm] as sticks, one force field above the other."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 2.0), layout="constrained")
        axes = figure.subplots()
        for number, (own, colour) in enumerate(zip(frequencies.values(), (_BEFORE, _AFTER), strict=True)):
            axes.vlines(own, -number, -number + 0.8, color=colour, linewidth=1.1)
        axes.set_yticks([-number + 0.4 for number in range(len(frequencies))], list(frequencies))
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("frequency [cm⁻¹]")
    ranges = ", ".join(f"{name} from {own.min():.0f} to {own.max():.0f} cm⁻¹" for name, own in frequencies.items())
    return Picture(_svg(figure), f"Frequencies of the normal modes as lines in two rows: {ranges}.")


def histogram(values: Mapping[str, Float[np.ndarray, " _"]], label: str, limit: float) -> Picture:
    """How often values occur, with a line at a limit."""
    with mpl.rc_context(_STYLE):
        figure, axes = _axes()
        highest = max(limit, *(float(own.max()) for own in values.values()))
        edges = np.linspace(0.0, 1.05 * highest, 31)
        for (name, own), colour in zip(values.items(), (_BEFORE, _AFTER), strict=False):
            axes.hist(
                own, edges.tolist(), weights=np.full(len(own), 100 / len(own)), color=colour, alpha=0.6, label=name
            )
        axes.axvline(limit, color="black", linewidth=0.8)
        axes.set(xlabel=label, ylabel="% of frames")
        _legend(axes)
    shares = ", ".join(f"{100 * np.mean(own > limit):.0f} % of {name}" for name, own in values.items())
    return Picture(_svg(figure), f"Histogram of the {label}; beyond {limit:g} are {shares}.")


def calibration(
    predicted: Mapping[str, Float[np.ndarray, " _"]], actual: Mapping[str, Float[np.ndarray, " _"]]
) -> Picture:
    """Predicted against actual force errors of frames."""
    figure = plots.calibration_figure(predicted, actual, "force error [kcal/mol/Å]", "")
    figure.legends[0].remove()
    figure.set_size_inches(_WIDTH, 4.0)
    figure.axes[0].legend(frameon=False, loc="upper left")
    alt = "Scatter plot of actual against predicted force errors of frames, with a line where both agree."
    return Picture(_png(figure), alt)


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
    return figure, figure.subplots()


def _log_ticks(axes: Axes) -> None:
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)


def _torsion_axes(axes: Axes, label: str) -> None:
    axes.set(xlabel=f"{label} [degrees]", ylabel="energy [kcal/mol]", xlim=(-180, 180), xticks=range(-180, 181, 60))
    axes.grid(color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)
    _legend(axes)


def _strip(axes: Axes, seen: Float[np.ndarray, " _"]) -> None:
    """Bins with training frames, darker with more of them, along the bottom."""
    counts, edges = np.histogram(seen, np.linspace(-180, 180, 73))
    shade = 0.25 + 0.75 * np.sqrt(counts / max(1, counts.max()))
    for count, low, high, alpha in zip(counts, edges, edges[1:], shade, strict=False):
        if count:
            axes.axvspan(low, high, 0.0, 0.035, color="#d08b1d", alpha=float(alpha), lw=0)


def _legend(axes: Axes) -> None:
    axes.figure.legend(loc="outside upper right", ncols=3, frameon=False)  # type: ignore[union-attr]


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160)
    return buffer.getvalue()
