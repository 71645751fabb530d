"""The tree of experiments as an SVG: one line each, the words of its edge beside it. Plain data in, text out.

It draws names and notes; what a note says, and where it comes from, is the caller's business. No script, no font file.
"""

from collections.abc import Mapping, Sequence
from html import escape

from harness.lineage import Name, tree_lines

ROW = 24  # pixels from line to line
STEP = 22  # pixels to the right for each generation
LETTER = 7.3  # pixels of a monospace letter at 12 pixels
MARGIN = 16
STYLE = (
    "text{font:12px ui-monospace,monospace;fill:#1f2328}.note{fill:#656d76}path{fill:none;stroke:#8c959f}"
    "circle{fill:#0969da}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#8d96a0}}"
)


def tree_picture(names: Sequence[Name], notes: Mapping[int, str]) -> str:
    """The whole SVG; `notes` by number stand on the edge that leads to an experiment."""
    edges, labels = [], []
    width = 0
    last_at: dict[int, int] = {}  # depth -> the latest line there: whoever comes below is its child
    for row, (branch, name) in enumerate(tree_lines(names)):
        depth = len(branch) // 3  # tree_lines draws three characters a generation
        last_at[depth] = row
        x, y = MARGIN + depth * STEP, MARGIN + row * ROW
        if depth:
            edges.append(f'<path d="M{x - STEP} {MARGIN + last_at[depth - 1] * ROW}V{y}H{x}"/>')
        label, note = f"{name.number:02} {name.change}", notes.get(name.number, "")
        said = f'{escape(label)}<tspan class="note" dx="12">{escape(note)}</tspan>'
        labels.append(f'<circle cx="{x}" cy="{y}" r="4"/><text x="{x + 10}" y="{y + 4}">{said}</text>')
        width = max(width, x + 10 + round((len(label) + 2 + len(note)) * LETTER) + MARGIN)
    size = f'width="{width}" height="{2 * MARGIN + max(0, len(labels) - 1) * ROW}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, f"<style>{STYLE}</style>", *edges, *labels, "</svg>"]) + "\n"
