"""Curves as a file: PNG, SVG or PDF by its ending, one panel a metric, one colour an experiment.

The colours are those of Okabe and Ito, which stay apart for colour-blind readers; dashes tell the rest apart, also on
paper. The same runs make the same bytes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.analysis.curves import Curve, drawable, smoothed, thinned
from harness.launch import Refused

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = (".png", ".svg", ".pdf")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1.2)))
PANEL_INCHES = (9.0, 4.2)
LEGEND_LETTER_INCHES = 0.082
LEGEND_LINE_INCHES = 0.25
MAX_PALE = 6  # curves that are also shown as measured; of more the pale lines are a fog
DOTS_PER_INCH = 144
MAX_POINTS = 4000  # of one curve: more than the picture has columns
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "falsework",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "lines.linewidth": 1.7,
}


def check_picture_name(path: Path) -> None:
    """Refuses an ending that no picture has, before anything is drawn."""
    if path.suffix not in KINDS:
        raise Refused(f"{path}: a picture's name ends in {', '.join(KINDS)}\n  help: --plot {path.stem or 'loss'}.png")


def curve_picture(
    path: Path, panels: Mapping[str, Sequence[Curve]], *, smoothing: float, log_steps: bool, log_values: bool
) -> None:
    """Writes the picture: `panels` holds the curves of each metric."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt
    from matplotlib.lines import Line2D

    experiments = list(dict.fromkeys(curve.experiment for curves in panels.values() for curve in curves))
    looks = {name: (COLOURS[at % 8], DASHES[at // 8 % len(DASHES)]) for at, name in enumerate(experiments)}
    width = PANEL_INCHES[0] + 0.6 + LEGEND_LETTER_INCHES * max(map(len, experiments), default=0)
    height = max(PANEL_INCHES[1] * len(panels), LEGEND_LINE_INCHES * (len(experiments) + 1))
    is_pale_shown = smoothing > 0 and len(experiments) <= MAX_PALE
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(panels), 1, sharex=True, squeeze=False, figsize=(width, height), layout="constrained"
        )
        for axis, (metric, curves) in zip(axes[:, 0], panels.items(), strict=True):
            for curve in curves:
                pale = [(curve, 0.25, 0.8, "-")] if is_pale_shown else []
                line = smoothed(curve, smoothing) if smoothing else curve
                for shown, opacity, thickness, dash in [*pale, (line, 1.0, 1.7, looks[curve.experiment][1])]:
                    points = thinned(drawable(shown, log_steps=log_steps, log_values=log_values), MAX_POINTS)
                    colour, marker = looks[curve.experiment][0], "o" if len(points.steps) == 1 else None
                    look = {"color": colour, "linestyle": dash, "alpha": opacity, "linewidth": thickness}
                    axis.plot(points.steps, points.values, marker=marker, **look)
            axis.set_ylabel(metric)
            _set_scales(axis, log_steps=log_steps, log_values=log_values)
        note = f" (smoothed by {smoothing:g}{'; pale: as measured' if is_pale_shown else ''})" if smoothing else ""
        axes[-1, 0].set_xlabel(f"step{note}")
        lines = [Line2D([], [], color=colour, linestyle=dash) for colour, dash in looks.values()]
        figure.legend(lines, experiments, loc="outside right upper", frameon=False)
        figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Date": None} if path.suffix == ".svg" else None)
        plt.close(figure)


def _set_scales(axis: "Axes", *, log_steps: bool, log_values: bool) -> None:
    """Logarithmic axes with plain numbers: 2, not 2 x 10^0."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for scaled, of_axis in ((log_steps, axis.xaxis), (log_values, axis.yaxis)):
        if scaled:
            (axis.set_xscale if of_axis is axis.xaxis else axis.set_yscale)("log")
            of_axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
            of_axis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
            of_axis.set_minor_formatter(NullFormatter())
