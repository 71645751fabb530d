"""Several sources as one: their examples one source after the other, their held-out documents under their names.

How often a source is drawn from is not decided here: whoever orders the examples weighs the parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from zoo.corpus import Corpus, Document
from zoo.token_shards import TokenCorpus, TokenDocument
from zoo.windows import Windows

AnyDocument = TypeVar("AnyDocument", Document, TokenDocument)


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Corpora by name, all of bytes or all of tokens."""

    corpora: Mapping[str, Corpus | TokenCorpus]

    @property
    def held_out(self) -> tuple[Document | TokenDocument, ...]:
        """The documents of all corpora, each with the name of its corpus before its own."""
        return tuple(
            replace(document, name=f"{name}/{document.name}")
            for name, corpus in self.corpora.items()
            for document in corpus.held_out
        )


class Joined:
    """The windows of all corpora: those of the first have the lowest indices."""

    def __init__(self, parts: Sequence[Windows]) -> None:
        self.parts = parts
        self.ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def batch(self, indices: npt.NDArray[np.int64], epochs: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """As `Windows.batch`; each window as cut in its part's own epoch."""
        numbers = np.searchsorted(self.ends, indices, side="right")
        tokens_BT = torch.empty(len(indices), self.parts[0].seq_len + 1, dtype=torch.int64)
        for number in np.unique(numbers):
            part, here = self.parts[number], numbers == number
            first = self.ends[number] - len(part)
            tokens_BT[torch.from_numpy(here)] = part.tokens(indices[here] - first, epochs[here])
        return tokens_BT[:, :-1], tokens_BT[:, 1:]
