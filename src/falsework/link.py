"""How one value follows from others: by a tie (`_ref`), a formula (`_expr`) or a derivation that the schema declares.

    link_of({"_ref": "data.seq_len"}, ("model", "max_positions"), table) -> Link, or None

Nothing is read here; links.py gives the values.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from falsework.layer import Tree
from falsework.layers import shown_path
from falsework.paths import dotted, parse_dotted
from falsework.places import Path

if TYPE_CHECKING:
    from falsework.formulas import Formula


class Derivation(NamedTuple):
    """How a field follows from others while no layer sets it: `function` takes the values of `reads`."""

    reads: tuple[Path, ...]
    function: Callable[..., Any]


class Link(NamedTuple):
    """A value that is read from others, by a `_ref`, an `_expr` or a derivation; `table` receives it."""

    path: Path
    reads: tuple[Path, ...]
    table: Tree
    by: "Formula | Derivation | None" = None  # None: a tie, which takes the value as it is
    text: str = ""  # of the formula

    @property
    def word(self) -> str:
        """What happened to the value."""
        return "computed" if self.text else "derived" if self.by else "tied"

    @property
    def note(self) -> str:
        """What it reads: `to data.seq_len`, `as train.num_steps // 20`, `from data.seq_len`."""
        if self.text:
            return f"as {self.text}"
        return f"{'from' if self.by else 'to'} {', '.join(dotted(path) for path in self.reads)}"

    @property
    def derived_at(self) -> str | None:
        """Where the function of a derivation is written; None for what a file says."""
        if not isinstance(self.by, Derivation):
            return None
        code = getattr(self.by.function, "__code__", None)
        return f"derived {shown_path(code.co_filename)}:{code.co_firstlineno}" if code else "derived"


def link_of(directive: Tree, path: Path, filled: Tree) -> Link | None:
    """What a `_ref` or an `_expr` says; None for other directives, and for those that the key check has reported."""
    target, formula = directive.get("_ref"), directive.get("_expr")
    if type(target) is str:
        read = parse_dotted(target)
        return Link(path, (read,), filled) if read else None
    if type(formula) is str:
        from falsework.formulas import Wrong, parse  # ties are more common

        try:
            parsed = parse(formula)
        except Wrong:
            return None
        return Link(path, parsed.reads, filled, parsed, formula)
    return None
