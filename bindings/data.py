"""[data]: what is learnt from, and which part of it is held out."""

from typing import TYPE_CHECKING, Literal

from attrs import field, frozen
from attrs.validators import ge, gt, lt, min_len

from bindings.fields import science

if TYPE_CHECKING:
    from zoo.corpus import Corpus


@frozen(kw_only=True)
class PythonSource:
    """The source of the running Python's standard library: real data that every machine has."""

    seq_len: int = field(validator=ge(1), metadata=science("bytes of one training example"))
    held_out_fraction: float = field(
        default=0.05, validator=[gt(0), lt(1)], metadata=science("share of the files held out, by a hash of their path")
    )

    def build(self) -> "Corpus":
        """Reads the files; about 0.1 s."""
        from zoo.python_source import python_source

        return python_source(held_out_fraction=self.held_out_fraction)


@frozen(kw_only=True)
class TextFiles:
    """Your own text: every file that the patterns match, as bytes."""

    seq_len: int = field(validator=ge(1), metadata=science("bytes of one training example"))
    paths: tuple[str, ...] = field(validator=min_len(1), metadata=science("glob patterns, from the current directory"))
    held_out_fraction: float = field(default=0.1, validator=[gt(0), lt(1)], metadata=science("share held out"))
    held_out_by: Literal["tail", "files"] = field(
        default="tail", metadata=science("tail: the end of each file; files: whole files, by a hash of their path")
    )

    def build(self) -> "Corpus":
        """Reads the files. Raises ValueError when a pattern matches nothing."""
        from zoo.text_files import text_files

        return text_files(paths=self.paths, held_out_fraction=self.held_out_fraction, held_out_by=self.held_out_by)


KINDS: dict[str, type] = {"python_source": PythonSource, "text_files": TextFiles}
Data = PythonSource | TextFiles
