"""The tables of words are written in the one way that they are read."""

import re

import pytest

from simlet.domain import code_names, code_speech

TABLES = {
    name: table
    for module in (code_names, code_speech)
    for name, table in vars(module).items()
    if name.isupper()
}
_LINE = re.compile(r"[a-z]{2}  [^|\s][^|]*(?: \| [^|\s][^|]*)*(?<! )")


@pytest.mark.parametrize("name", TABLES)
def test_each_line_of_a_table_is_a_language_and_its_phrases(name: str) -> None:
    lines = TABLES[name].strip().splitlines()
    assert [line for line in lines if not _LINE.fullmatch(line)] == []
