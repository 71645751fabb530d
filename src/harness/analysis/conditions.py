"""SQL as people type it: `optimizer.lr > 1e-3 and train/loss < 2`, with the keys quoted for the database.

Only names are read here, never SQL: the database says what else is wrong.
"""

import re
from collections.abc import Collection, Mapping

from harness.analysis.names import unknown

# What SQL quotes already stays as it is. A key starts with a letter and holds at least one dot or slash.
TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(?<![\w./])[A-Za-z_]\w*(?:[./][\w@-]*\w)+(?!\s*\()")
OPERATORS = "/-"  # may follow a key without a blank


def quoted(sql: str, keys: Collection[str], columns: Mapping[str, str] | None = None, *, strict: bool = True) -> str:
    """The SQL with every key of `keys` in double quotes. `strict` refuses a dotted word that is no key.

    A word may be more than a key (`train/loss/2` is a half of train/loss): the longest key that begins it is meant.
    `columns` are the names of those keys that have another name as a column.
    """
    named = columns or {}

    def replaced(match: re.Match[str]) -> str:
        word = match.group()
        if word[0] == "'":
            return word
        if word[0] == '"':
            return f'"{named.get(word[1:-1], word[1:-1])}"'
        key = max((key for key in keys if _begins(word, key)), key=len, default=None)
        if key is None:
            if strict:
                raise unknown("key", word, keys)
            return word
        return f'"{named.get(key, key)}"{word[len(key) :]}'

    return TOKEN.sub(replaced, sql)


def _begins(word: str, key: str) -> bool:
    return word == key or (word.startswith(key) and word[len(key)] in OPERATORS)
