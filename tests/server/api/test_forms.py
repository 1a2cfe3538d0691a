"""Forms: taken apart within bounds; what is wrong with one is said."""

import os
import time
from typing import Any

import pytest

from server.api.errors import ApiError
from server.api.forms import Form, take_apart

KIND = "multipart/form-data; boundary=bound"


def part(name: str, data: bytes, file: bool = False) -> bytes:
    more = '; filename="a.png"\r\nContent-Type: image/png' if file else ""
    return f'--bound\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + data + b"\r\n"


def apart(*parts: bytes, most_text: int = 1000) -> Form:
    return take_apart(b"".join(parts) + b"--bound--\r\n", KIND, most_text)


def test_taken_apart() -> None:
    """Texts are there by name, files in their order, bytes as they were."""
    picture = os.urandom(100_000) + b"\r\n--boun\r\n"
    form = apart(part("prompt", "море".encode()), part("image[]", picture, True), part("image[]", b"", True), part("n", b"2"))
    assert form.texts == {"prompt": "море", "n": "2"}
    assert form.files == [("image[]", picture), ("image[]", b"")]


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"", KIND, "no end"),
        (part("prompt", b"x"), KIND, "no end"),
        (b"nonsense", KIND, "not a form"),
        (b"--bound\r\nnonsense\r\n\r\n", KIND, "not a form"),
        (b"--bound\r\n\r\nx\r\n--bound--\r\n", KIND, "no name"),
        (part("prompt", b"\xff") + b"--bound--\r\n", KIND, "prompt: not UTF-8"),
        (part("p", b"x") + b"--bound--\r\n", "multipart/form-data", "boundary"),
        (part("p", b"x") + b"--bound--\r\n", f"multipart/form-data; boundary={'b' * 300}", "boundary"),
        (part("p", b"x") * 65 + b"--bound--\r\n", KIND, "more than 64 parts"),
        (b"--bound\r\n" + b"h" * 100_000, KIND, "header"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_no_form(body: bytes, kind: str, says: str) -> None:
    """What is no form is a 400 that says what is wrong."""
    with pytest.raises(ApiError, match=says) as error:
        take_apart(body, kind, 1000)
    assert error.value.status == 400


def test_texts_are_bounded() -> None:
    """Texts have the room that JSON has; files the whole of the body's."""
    with pytest.raises(ApiError) as error:
        apart(part("prompt", b"x" * 600), part("style", b"x" * 600))
    assert (error.value.status, error.value.code) == (413, "request_too_large")
    apart(part("image", b"x" * 100_000, True))


@pytest.mark.parametrize("filler", [b"\r", b"\r\n--boun", b"-", b"\r\n"], ids=repr)
def test_a_picture_made_to_cost_much(filler: bytes) -> None:
    """Bytes that nearly are a boundary cost no more than others: some nanoseconds each."""
    began = time.process_time()
    apart(part("image", filler * (4_000_000 // len(filler)), True))
    assert time.process_time() - began < 2


def test_fields_within_fields() -> None:
    """`svg[model]` is the model of svg."""
    from server.api.openai.asks import EditRequest

    form = apart(part("prompt", b"x"), part("svg[model]", b"some"), part("n", b"2"), part("stream", b"false"))
    asked: Any = form.fields(EditRequest)
    assert (asked.svg, asked.n, asked.stream) == ({"model": "some"}, 2, False)
