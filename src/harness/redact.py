"""What looks like a secret, and text without it: nothing that a run keeps may carry a key to something else.

It knows the common issuers' prefixes, private keys, passwords in addresses, and long random-looking values behind names
like `api_key` or `token`; it cannot know a secret that looks like any other word. Config files are searched by
falsework with the same list of issuers, which a test compares: the two rooms do not know each other.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatch

ISSUED = {
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a token of GitHub": r"\b(?:gh[opsur]_[A-Za-z0-9]{36}|github_pat_\w{22,})",
    "a token of GitLab": r"\bglpat-[\w-]{20}",
    "a token of Hugging Face": r"\bhf_[A-Za-z0-9]{30,}",
    "an access key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a key of Google": r"\bAIza[\w-]{35}",
    "a token of Slack": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a key that begins with sk-": r"\bsk-[\w-]{20,}",
    "a JSON web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+",
    "a password in an address": r"\b\w+://[^\s/:@\"']+:[^\s/@\"']+@",
}
_MARKS: dict[str, tuple[str, ...]] = {  # text with none of them holds no such secret, which is found out much faster
    "a private key": ("-----BEGIN ",),
    "a token of GitHub": ("gho_", "ghp_", "ghs_", "ghu_", "ghr_", "github_pat_"),
    "a token of GitLab": ("glpat-",),
    "a token of Hugging Face": ("hf_",),
    "an access key of AWS": ("AKIA", "ASIA"),
    "a key of Google": ("AIza",),
    "a token of Slack": ("xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-"),
    "a key that begins with sk-": ("sk-",),
    "a JSON web token": (".eyJ",),
    "a password in an address": ("://",),
}
_WHOLE_KEY = r"(?:-----BEGIN [A-Z ]*PRIVATE KEY-----)(?:[\s\S]{0,16384}?-----END [A-Z ]*PRIVATE KEY-----)?"
_PATTERNS = {**ISSUED, "a private key": _WHOLE_KEY}
_TELLING = r"(?:api_?key|access_?key|private_?key|secret|token|passw(?:or)?d|credentials?)"
_VALUE = r"[:=](?=\s*[\"']?([\w+/.~-]{16,}={0,2}))"
_NAME = rf"(?i){_TELLING}[\"']?\s*\Z"
_MAX_NAME_CHARS = 64
_FLAG = rf"(?i)-{{1,2}}[\w-]*{_TELLING.replace('_', '[_-]')}"
_FILES: tuple[str, ...] = (
    *(".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.asc"),
    *(".netrc", ".pgpass", ".npmrc", ".pypirc", ".htpasswd", "id_rsa*", "id_ecdsa*", "id_ed25519*", "id_dsa*"),
    *("credentials", "credentials.*", "secrets", "secrets.*", "*.tfstate", "*service_account*.json"),
)


def without_secrets(text: str) -> tuple[str, list[str]]:
    """The text with every secret replaced by "[left out: WHAT]", and what was found."""
    found: list[str] = []
    whats = [what for what, marks in _MARKS.items() if any(mark in text for mark in marks)]
    if whats:

        def issued(match: re.Match[str]) -> str:
            found.append(whats[(match.lastindex or 1) - 1])
            return f"[left out: {found[-1]}]"

        text = re.sub("|".join(f"({_PATTERNS[what]})" for what in whats), issued, text)
    pieces, end = [], 0
    for match in re.finditer(_VALUE, text):
        begin = match.start(1)
        name = text[max(0, match.start() - _MAX_NAME_CHARS) : match.start()]
        if begin >= end and _looks_random(match[1]) and re.search(_NAME, name):
            found.append("what its name calls a secret")
            pieces += [text[end:begin], f"[left out: {found[-1]}]"]
            end = match.end(1)
    return "".join([*pieces, text[end:]]), found


def clean_bytes(content: bytes) -> tuple[bytes, list[str]]:
    """As `without_secrets`, for the content of a file in any encoding; bytes without a secret come back unchanged."""
    text, found = without_secrets(content.decode("utf-8", "surrogateescape"))
    return (text.encode("utf-8", "surrogateescape"), found) if found else (content, found)


def clean_command(words: Sequence[str]) -> list[str]:
    """A command line without secrets: also the word after a flag like --api-key is left out, whatever it looks like."""
    cleaned = [without_secrets(word)[0] for word in words]
    for at, word in enumerate(words):
        flag, equals, _ = word.partition("=")
        if re.fullmatch(_FLAG, flag):
            if equals:
                cleaned[at] = f"{flag}=[left out]"
            elif at + 1 < len(words):
                cleaned[at + 1] = "[left out]"
    return cleaned


def is_secret_file(name: str) -> bool:
    """Whether a file of this name is for secrets, as .env and *.pem are."""
    return any(fnmatch(name.lower(), pattern) for pattern in _FILES)


def _looks_random(value: str) -> bool:
    """Digits among letters, as keys have, and names and numbers rarely do."""
    return sum(map(str.isdigit, value)) >= 3 and sum(map(str.isalpha, value)) >= 3
