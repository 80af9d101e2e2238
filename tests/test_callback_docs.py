"""What docs/callbacks.md shows works."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from simlet.domain.signing import new_webhook_secret, webhook_headers

DOCS = Path(__file__).parent.parent / "docs" / "callbacks.md"
SECRET, OLD = new_webhook_secret(bytes(32)), new_webhook_secret(bytes(range(32)))
BODY = '{"code":"486460","text":"Mã của bạn"}'.encode()


def shown(beginning: str) -> dict[str, Any]:
    """The names that a block of Python in the document makes."""
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    (block,) = [one for one in blocks if one.startswith(beginning)]
    at_s = int(time.time())
    names: dict[str, Any] = {"secret": SECRET, "body": BODY}
    names["headers"] = webhook_headers(SECRET, "evt_9", at_s, BODY, OLD)
    exec(block, names)
    return names


def test_the_library_verifies_as_the_document_shows() -> None:
    assert shown("from standardwebhooks")["event"]["code"] == "486460"


def test_the_ten_lines_verify_with_either_secret() -> None:
    names = shown("import base64")
    assert names["verify"](SECRET, names["headers"], BODY)
    assert names["verify"](OLD, names["headers"], BODY)


@pytest.mark.parametrize("age_s", [-301, 301])
def test_the_ten_lines_refuse_what_is_old_or_forged(age_s: int) -> None:
    verify = shown("import base64")["verify"]
    now_s = int(time.time())
    stale = webhook_headers(SECRET, "evt_9", now_s - age_s, BODY)
    fresh = webhook_headers(SECRET, "evt_9", now_s, BODY)

    assert not verify(SECRET, stale, BODY)
    assert not verify(SECRET, fresh, BODY + b" ")
    assert not verify(new_webhook_secret(b"x" * 32), fresh, BODY)
    assert not verify(SECRET, {**fresh, "webhook-id": "evt_10"}, BODY)
