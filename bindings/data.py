"""[data]: what is learnt from, and which part of it is held out."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from attrs import Attribute, field, frozen
from attrs.validators import ge, gt, lt, min_len

from bindings.fields import Misfit, named_plainly, science
from bindings.sources import Source, TokenShardsSource

if TYPE_CHECKING:
    from zoo.corpus import Corpus
    from zoo.line_stream import StreamCorpus
    from zoo.mixture import Mixture as MixedCorpora
    from zoo.token_shards import TokenCorpus


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


@frozen(kw_only=True)
class TokenShards:
    """Files of token numbers, read where they lie; tokens.json beside them says what they hold."""

    seq_len: int = field(validator=ge(1), metadata=science("tokens of one training example"))
    vocab_size: int = field(validator=ge(2), metadata=science("tokens that there are, as tokens.json says too"))
    paths: tuple[str, ...] = field(validator=min_len(1), metadata=science("glob patterns of the shards to train on"))
    held_out_paths: tuple[str, ...] = field(
        validator=min_len(1), metadata=science("glob patterns of the shards held out")
    )

    def build(self) -> "TokenCorpus":
        """Opens the shards to train on and reads those held out. Raises ValueError when they do not fit."""
        from zoo.token_shards import token_shards

        return token_shards(paths=self.paths, held_out_paths=self.held_out_paths, vocab_size=self.vocab_size)


@frozen(kw_only=True)
class Stream:
    """Text read line by line in the order in which it lies, never indexed or shuffled."""

    seq_len: int = field(validator=ge(1), metadata=science("bytes of one training example"))
    paths: tuple[str, ...] = field(validator=min_len(1), metadata=science("glob patterns, read in this order"))
    held_out_paths: tuple[str, ...] = field(
        validator=min_len(1), metadata=science("glob patterns of the held-out text")
    )
    text_field: str | None = field(
        default=None, metadata=science("the field of a JSON Lines row that is the text; plain text when left out")
    )

    def build(self) -> "StreamCorpus":
        """Finds the files and reads those held out. Raises ValueError when there are none."""
        from zoo.line_stream import line_stream

        return line_stream(paths=self.paths, held_out_paths=self.held_out_paths, text_field=self.text_field)


@frozen(kw_only=True)
class Mixture:
    """Several sources, each drawn from as often as its weight says."""

    seq_len: int = field(validator=ge(1), metadata=science("bytes or tokens of one training example"))
    mix: Mapping[str, Source] = field(validator=[min_len(1), named_plainly], metadata=science("the sources, by name"))

    @mix.validator
    def _one_vocabulary(self, _attribute: "Attribute[Mapping[str, Source]]", value: Mapping[str, Source]) -> None:
        sizes = {name: vocab_size_of(source) for name, source in value.items()}
        for name, size in sizes.items():
            if size != (first := next(iter(sizes.values()))):
                raise Misfit(
                    f"has {'bytes' if size is None else f'{size} tokens'}, "
                    f"and {next(iter(sizes))} {'bytes' if first is None else f'{first} tokens'}",
                    path=(name,),
                )

    def build(self) -> "MixedCorpora":
        """Reads all sources. Raises what theirs raise."""
        from zoo.mixture import Mixture as MixedCorpora

        return MixedCorpora(corpora={name: source.build() for name, source in self.mix.items()})


KINDS: dict[str, type] = {
    "python_source": PythonSource,
    "text_files": TextFiles,
    "token_shards": TokenShards,
    "stream": Stream,
    "mixture": Mixture,
}
Data = PythonSource | TextFiles | TokenShards | Stream | Mixture


def vocab_size_of(data: Data | Source) -> int | None:
    """How many tokens there are; None for bytes."""
    if isinstance(data, Mixture):
        return vocab_size_of(next(iter(data.mix.values())))
    return data.vocab_size if isinstance(data, TokenShards | TokenShardsSource) else None
