"""Forms with files: `multipart/form-data`, whole or not at all.

A form that ends before its closing boundary, or whose texts are not UTF-8, is malformed: what was
lost of it must not look as if it had never been there.
Source: RFC 7578; RFC 2046, 5.1.
"""

from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

MAX_FIELDS = 20
MAX_FILES = 1
FORM_OVERHEAD_BYTES = 65_536
"""What boundaries and text fields may add to a body's limit; each text field has room for as much
alone."""

_FORM = b"multipart/form-data"
_MAX_BOUNDARY_BYTES = 70


class MalformedForm(ValueError):  # noqa: N818 - an answer to the client, not a fault
    """It is no whole form; the message is a clause for people."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form: of a field that comes twice the first counts; the files in order."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[bytes] = field(default_factory=list)


def is_form(content_type: str) -> bool:
    """Whether a content type is that of a form with files."""
    # Hardly any request is one, and to take a content type apart takes longer than to look.
    named = "multipart" in content_type.lower()
    return named and parse_options_header(content_type)[0] == _FORM


def read_form(content_type: str, body: bytes) -> Form:
    """The form in a body.

    Raises:
        MalformedForm: it is not whole, not UTF-8, or has too many parts.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 1 <= len(boundary) <= _MAX_BOUNDARY_BYTES:
        raise MalformedForm(f"expected a boundary of 1 to {_MAX_BOUNDARY_BYTES} bytes")
    reader = _Reader()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": reader.begin_part,
                "on_header_begin": reader.begin_header,
                "on_header_field": reader.add_to_name,
                "on_header_value": reader.add_to_value,
                "on_header_end": reader.end_header,
                "on_part_data": reader.add_to_body,
                "on_part_end": reader.end_part,
                "on_end": reader.end,
            },
        )
        parser.write(body)
    except FormParserError as error:
        raise MalformedForm("expected boundaries, headers and parts of a form") from error
    if not reader.ended:
        raise MalformedForm("expected a closing boundary")
    return reader.form


class _Reader:
    """Takes the parts as the parser comes upon them."""

    def __init__(self) -> None:
        self.form = Form()
        self.ended = False
        self._name, self._value, self._body = b"", b"", bytearray()
        self._disposition = b""

    def begin_part(self) -> None:
        self._disposition, self._body = b"", bytearray()

    def begin_header(self) -> None:
        self._name, self._value = b"", b""

    def add_to_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value

    def add_to_body(self, data: bytes, start: int, end: int) -> None:
        self._body += data[start:end]

    def end_part(self) -> None:
        options = parse_options_header(self._disposition)[1]
        if b"name" not in options:
            raise MalformedForm("expected a name of each part")
        if b"filename" in options:
            self._add_file()
        else:
            self._add_field(options[b"name"])

    def end(self) -> None:
        self.ended = True

    def _add_file(self) -> None:
        if len(self.form.files) == MAX_FILES:
            raise MalformedForm("expected one file")
        self.form.files.append(bytes(self._body))

    def _add_field(self, name: bytes) -> None:
        if len(self.form.fields) == MAX_FIELDS:
            raise MalformedForm(f"expected at most {MAX_FIELDS} fields")
        if len(self._body) > FORM_OVERHEAD_BYTES:
            raise MalformedForm(f"expected fields of at most {FORM_OVERHEAD_BYTES} bytes")
        try:
            self.form.fields.setdefault(name.decode("utf-8"), self._body.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise MalformedForm("expected UTF-8") from error
