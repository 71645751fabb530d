"""Why there is no layer where one is named, and what was probably meant: another file, or no file at all."""

from pathlib import Path

from falsework.layer import Spot
from falsework.layers import CONFIGS, shown_path
from falsework.problems import Problem
from falsework.report import nearest


def unreadable(path: Path, named_at: Spot | None, error: OSError | ValueError) -> Problem:
    """The problem, at the spot that names the file; None: the command line does."""
    reason = getattr(error, "strerror", None) or str(error)
    what = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {reason}"
    is_override = named_at is None and isinstance(error, FileNotFoundError) and _is_override(str(path))
    hint = "arguments are files: to change a value, write a file" if is_override else _nearest_file(path)
    if named_at is None:
        return Problem(f"{what} (named on the command line)", where=shown_path(path), help=hint)
    return Problem(f"{shown_path(path)}: {what}", ("extends",), named_at, hint)


def _is_override(argument: str) -> bool:
    """Whether an argument is a flag, or sets a key, as other config systems take them."""
    return argument.startswith(("-", "+", "~", "@")) or "=" in argument


def _nearest_file(path: Path) -> str:
    """A help line with the file that was probably meant, by its name or its number, else nothing."""
    try:
        if path.is_dir():
            if (path / "config.toml").is_file():  # and no run.json, which is written last
                return f"this run never began; name {shown_path(path / 'config.toml')} to begin another"
            return "a run directory holds config.toml and run.json"
        near = _near(path, path.parent) or _near(path, path.parent / CONFIGS)
    except (OSError, ValueError):
        return f"there is no folder {shown_path(path.parent)}"
    return f"did you mean {shown_path(near)}?" if near else ""


def _near(path: Path, folder: Path) -> Path | None:
    """The TOML file of a folder that a name without file is near to; 22 is near to 21_width_192_22.toml."""
    if folder != path.parent and not folder.is_dir():
        return None
    stems = sorted(file.stem for file in folder.iterdir() if file.suffix == ".toml" and file != path)  # or a dead link
    numbered = (stem for stem in stems if path.stem.isdigit() and stem.endswith(f"_{path.stem}"))
    near = next(numbered, None) or nearest(path.stem, stems)
    return folder / f"{near}.toml" if near else None
