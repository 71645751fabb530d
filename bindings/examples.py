"""What a corpus gives to train on, and what the record says of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from bindings.data import Data, Mixture

if TYPE_CHECKING:
    from harness.job import Examples, ExampleStream
    from harness.order import Part
    from zoo.corpus import Corpus
    from zoo.line_stream import StreamCorpus
    from zoo.mixture import Mixture as MixedCorpora
    from zoo.token_shards import TokenCorpus

    AnyCorpus = Corpus | TokenCorpus | StreamCorpus | MixedCorpora


def examples_of(data: Data, corpus: "AnyCorpus") -> "tuple[Examples | ExampleStream, Sequence[Part]]":
    """The examples of a corpus that `data` built, and its parts if it is a mixture.

    Raises ValueError for a corpus shorter than one example, and for a weight too small to be drawn at all.
    """
    from harness.order import Part, shares_of
    from zoo.line_stream import LineStream, StreamCorpus
    from zoo.mixture import Joined
    from zoo.mixture import Mixture as MixedCorpora
    from zoo.windows import Windows

    if isinstance(corpus, StreamCorpus):
        return LineStream(corpus, seq_len=data.seq_len), ()
    if not isinstance(corpus, MixedCorpora):
        return Windows(corpus.train, seq_len=data.seq_len), ()
    sources = cast("Mixture", data).mix
    windows = {name: Windows(part.train, seq_len=data.seq_len) for name, part in corpus.corpora.items()}
    parts = [Part(name=name, num_examples=len(part), weight=sources[name].weight) for name, part in windows.items()]
    shares_of(parts)
    return Joined(list(windows.values())), parts


def facts_of(corpus: "AnyCorpus") -> dict[str, Any]:
    """Sizes and content hash, for the record."""
    from zoo.corpus import Corpus
    from zoo.line_stream import StreamCorpus
    from zoo.mixture import Mixture as MixedCorpora

    if isinstance(corpus, MixedCorpora):
        return {name: facts_of(part) for name, part in corpus.corpora.items()}
    facts = {"sha256": corpus.sha256, "num_files": corpus.num_files}
    if isinstance(corpus, StreamCorpus):
        facts["sha256_of"] = "names and sizes"
    elif isinstance(corpus, Corpus):
        facts["num_train_bytes"] = len(corpus.train)
    else:
        return facts | {
            "sha256_of": "names, sizes, first and last MiB of each shard",
            "num_train_tokens": len(corpus.train),
            "num_held_out_documents": len(corpus.held_out),
            "num_held_out_tokens": sum(document.num_tokens for document in corpus.held_out),
        }
    return facts | {
        "num_held_out_files": len(corpus.held_out),
        "num_held_out_bytes": sum(len(document.content) for document in corpus.held_out),
    }
