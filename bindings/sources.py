"""[data.mix.NAME]: one source of a mixture, with its weight. What the fields mean is said in bindings/data.py."""

from typing import TYPE_CHECKING, Literal

from attrs import field, frozen
from attrs.validators import ge, gt, lt, min_len

from bindings.fields import science

if TYPE_CHECKING:
    from zoo.corpus import Corpus
    from zoo.token_shards import TokenCorpus

WEIGHT = science("how often it is drawn from, relative to the other weights")


@frozen(kw_only=True)
class LibrarySource:
    """The source of the running Python's standard library."""

    weight: float = field(validator=gt(0), metadata=WEIGHT)
    held_out_fraction: float = field(
        default=0.05, validator=[gt(0), lt(1)], metadata=science("share of the files held out, by a hash of their path")
    )

    def build(self) -> "Corpus":
        """Reads the files."""
        from zoo.python_source import python_source

        return python_source(held_out_fraction=self.held_out_fraction)


@frozen(kw_only=True)
class TextFilesSource:
    """Your own text, as bytes."""

    weight: float = field(validator=gt(0), metadata=WEIGHT)
    paths: tuple[str, ...] = field(validator=min_len(1), metadata=science("glob patterns, from the current directory"))
    held_out_fraction: float = field(default=0.1, validator=[gt(0), lt(1)], metadata=science("share held out"))
    held_out_by: Literal["tail", "files"] = field(
        default="tail", metadata=science("tail: the end of each file; files: whole files, by a hash of their path")
    )

    def build(self) -> "Corpus":
        """Reads the files. Raises ValueError when a pattern matches nothing."""
        from zoo.text_files import text_files

        return text_files(paths=self.paths, held_out_fraction=self.held_out_fraction, held_out_by=self.held_out_by)


@frozen(kw_only=True)
class TokenShardsSource:
    """Files of token numbers."""

    weight: float = field(validator=gt(0), metadata=WEIGHT)
    vocab_size: int = field(validator=ge(2), metadata=science("tokens that there are, as tokens.json says too"))
    paths: tuple[str, ...] = field(validator=min_len(1), metadata=science("glob patterns of the shards to train on"))
    held_out_paths: tuple[str, ...] = field(
        validator=min_len(1), metadata=science("glob patterns of the shards held out")
    )

    def build(self) -> "TokenCorpus":
        """Opens the shards. Raises ValueError when they do not fit."""
        from zoo.token_shards import token_shards

        return token_shards(paths=self.paths, held_out_paths=self.held_out_paths, vocab_size=self.vocab_size)


KINDS: dict[str, type] = {
    "python_source": LibrarySource,
    "text_files": TextFilesSource,
    "token_shards": TokenShardsSource,
}
Source = LibrarySource | TextFilesSource | TokenShardsSource
