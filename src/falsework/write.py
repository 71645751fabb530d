"""Plain data as the TOML that a person would write: few tables, directives on one line, long lists one item a line.

    layer_text({"why": "..."}, {"optimizer": {"lr": 0.01}}) -> the text of a file with a table [optimizer]

For files that people go on editing. A resolved config is dump.py's business. Nothing here touches the disk.
"""

from typing import Any

from falsework.layer import Tree
from falsework.paths import quoted, spelled_key
from falsework.profiles import is_table

_MAX_WIDTH = 120  # columns; a longer list is broken


def layer_text(head: Tree, values: Tree) -> str:
    """A whole file: the reserved keys in `head`, then the values, each table once. It parses to the same data."""
    lines = [_pair(key, value) for key, value in head.items()]
    plain = {key: value for key, value in values.items() if not is_table(value)}
    if lines and plain:
        lines.append("")
    lines += [_pair(key, value) for key, value in plain.items()]
    for key, value in values.items():
        if is_table(value):
            lines += _table(value, spelled_key(key))
    return "\n".join(lines).lstrip("\n") + "\n"


def spelled(value: Any) -> str:
    """Any value of TOML on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(spelled(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{spelled_key(key)} = {spelled(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return str(value)


def _table(values: Tree, header: str) -> list[str]:
    """The lines of one table and those below it, `kind` first; a header is left out where only tables follow."""
    kind_first = sorted(values, key=lambda key: key != "kind")
    pairs = [_pair(key, values[key]) for key in kind_first if not is_table(values[key])]
    lines = ["", f"[{header}]", *pairs] if pairs or not values else []
    for key, value in values.items():
        if is_table(value):
            lines += _table(value, f"{header}.{spelled_key(key)}")
    return lines


def _pair(key: str, value: Any) -> str:
    line = f"{spelled_key(key)} = {spelled(value)}"
    if len(line) <= _MAX_WIDTH or not isinstance(value, list):
        return line
    items = "".join(f"    {spelled(item)},\n" for item in value)
    return f"{spelled_key(key)} = [\n{items}]"
