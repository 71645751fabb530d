"""falsework and the harness know the same issuers of secrets, though neither knows the other."""

from falsework import leaks
from harness import redact


def test_both_rooms_know_the_same_issuers() -> None:
    assert leaks._ISSUED == redact.ISSUED
