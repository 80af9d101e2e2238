"""The one-time code in the text of an SMS or in the transcript of a call.

Four steps:

1. *Clean* and 2. *blank out* (`code_text`): the text made plain, without what has a shape of its
   own and is no code.
3. *Read* (`code_items`) what is left as a row of items: words with a role (`code_words`), marks,
   and numbers.
4. *Weigh* (`code_judge`) each number by the words around it; the one with the strongest claim is
   the code, if its claim is strong enough. What names another sort of number right in front of it,
   or calls it old, rules it out.

A service may have a pattern of its own; then that decides alone. Of texts that differ in nothing
but their code, one goes through these steps (`code_forms`).

Every step goes through the text once, with windows of fixed size: the time grows in step with the
text. Nothing here ever logs a text or a code.
"""

import re

from simlet.domain.code_forms import Form, brings_code, form_of, keep_form
from simlet.domain.code_items import read_items
from simlet.domain.code_judge import find_strongest
from simlet.domain.code_text import blank_out, clean, fold
from simlet.domain.patterns import compile_code_pattern

_GROUPED_DIGITS = re.compile(r"[0-9][0-9 .\-]*")
_GROUPING = re.compile(r"[ .\-]")
_END_CHARS = 6_000  # of a longer text only both ends are read: no code stands in its middle
_CALL_MARK = re.compile(r"\s*\[call\]", re.IGNORECASE)
# The last line of a message for browsers: @host #code (WICG, "Origin-bound one-time codes").
_BOUND_CODE = re.compile(r"(?<!\S)@[a-z0-9-]+(?:\.[a-z0-9-]+)+ #([0-9a-z-]{3,12})(?![0-9a-z])")


def find_code(text: str, code_pattern: str | None = None) -> str | None:
    """The one-time code that a text brings.

    Args:
        text: an SMS, or the transcript of a call; any text is taken.
        code_pattern: the service's own pattern (see `compile_code_pattern`); it decides alone.

    Returns:
        The code: digits without what groups them, zeros in front kept, letters as written. None
        where the text brings no code.

    Raises:
        Refused: PATTERN_REFUSED, where the pattern is one that should not have been set.
    """
    if code_pattern is not None:
        return _by_pattern(text, code_pattern)
    form = form_of(text)
    known = brings_code(form) if form else None
    if form is None or known is None:
        return _search(text, form)
    return form.number if known else None


def _search(text: str, form: Form | None) -> str | None:
    """Goes through a text, and keeps what it finds for the texts of the same form."""
    shown = clean(_ends(text))
    mark = _CALL_MARK.match(shown)
    shown = _ends(shown[mark.end() :] if mark else shown)
    folded = fold(shown)
    bound = _BOUND_CODE.search(folded) if " #" in folded else None
    if bound and not bound.group(1).isalpha():
        return _joined(shown[slice(*bound.span(1))])
    items = read_items(shown, blank_out(shown, folded))
    code = find_strongest(items, shown)
    if form:
        keep_form(form, text, shown, items, code)
    return code


def _ends(text: str) -> str:
    if len(text) <= 2 * _END_CHARS:
        return text
    return f"{text[:_END_CHARS]}\n{text[-_END_CHARS:]}"


def _by_pattern(text: str, source: str) -> str | None:
    pattern = compile_code_pattern(source)
    found = pattern.find(text) or pattern.find(clean(text))
    return None if found is None else _joined(clean(found).strip())


def _joined(code: str) -> str | None:
    """Digits without what groups them; anything that holds letters stays as it is."""
    return _GROUPING.sub("", code) if _GROUPED_DIGITS.fullmatch(code) else code or None
