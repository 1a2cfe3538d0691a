"""The wire format: bytes to messages and back, and what is wrong with bytes that are none."""

import json
import struct

import pytest

import wire
from wire import AnswerKind, FrameIn, FrameOut, WireError


def test_frame_in_is_an_id_and_an_image() -> None:
    """A frame is a little-endian u32 and the image's bytes."""
    assert FrameIn(0x01020304, b"jpeg").encode() == b"\x04\x03\x02\x01jpeg"


def test_frame_in_comes_back() -> None:
    """A frame decodes to what was encoded."""
    frame = FrameIn(2**32 - 1, bytes(range(256)))
    assert FrameIn.decode(frame.encode()) == frame


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x00\x00", b"\x01\x00\x00\x00"])
def test_frame_in_too_short(data: bytes) -> None:
    """A message without room for an id and an image is refused, with its length."""
    with pytest.raises(WireError, match=f"has {len(data)} bytes") as refused:
        FrameIn.decode(data)
    assert refused.value.code == "bad_frame"


def test_frame_out_layout() -> None:
    """An answer is the 24-byte header of the protocol, then the image."""
    answer = FrameOut(7, AnswerKind.IMAGE, 3, 260, 1, 2, 3, 4, b"webp").encode()
    assert answer == struct.pack("<IBBHIIII", 7, 1, 3, 260, 1, 2, 3, 4) + b"webp"
    assert wire.HEADER_BYTES == 24
    assert answer[24:] == b"webp"


@pytest.mark.parametrize("kind", list(AnswerKind))
def test_frame_out_comes_back(kind: AnswerKind) -> None:
    """An answer decodes to what was encoded."""
    answer = FrameOut(2**32 - 1, kind, 8, 65535, 10, 20, 30, 40, b"image")
    assert FrameOut.decode(answer.encode()) == answer


def test_frame_out_saturates() -> None:
    """Numbers too large for the header stop at its largest; the revision wraps around."""
    answer = FrameOut.decode(FrameOut(1, AnswerKind.IMAGE, rows=300, rev=65537, wait_us=2**40).encode())
    assert (answer.rows, answer.rev, answer.wait_us) == (255, 1, 2**32 - 1)


@pytest.mark.parametrize("data", [b"", b"\x00" * 23])
def test_frame_out_too_short(data: bytes) -> None:
    """An answer shorter than its header is refused."""
    with pytest.raises(WireError, match="24 bytes of header"):
        FrameOut.decode(data)


@pytest.mark.parametrize("kind", [0, 4, 255])
def test_frame_out_of_unknown_kind(kind: int) -> None:
    """An answer of a kind that the protocol does not have is refused."""
    with pytest.raises(WireError, match=f"unknown kind of answer: {kind}"):
        FrameOut.decode(struct.pack("<IBBHIIII", 1, kind, 0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "{", "{'type': 'params'}", '{"seed":' + "1" * 5000 + "}", "[" * 100_000, '"\\ud8"'],
    ids=["empty", "word", "open", "python", "long number", "deep", "broken escape"],
)
def test_text_that_is_not_json(text: str) -> None:
    """Text that no JSON reader takes is refused, whatever is wrong with it."""
    with pytest.raises(WireError) as refused:
        wire.decode_text(text)
    assert refused.value.code == "bad_json"
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("text", ["null", "1", '"params"', "[]", "{}", '{"type": 1}', '{"type": null}'])
def test_text_without_a_type(text: str) -> None:
    """JSON that is not an object with a type is refused."""
    with pytest.raises(WireError, match='must be a JSON object with a "type"') as refused:
        wire.decode_text(text)
    assert refused.value.code == "bad_message"


def test_text_comes_back() -> None:
    """A message keeps its characters, of any language, on the way."""
    message = {"type": "params", "prompt": "море 🌊 海"}
    assert wire.decode_text(wire.encode_text(message)) == message


def test_text_can_always_be_sent() -> None:
    """A message that quotes half a surrogate pair is still text that a socket takes."""
    wire.encode_text({"type": "error", "message": "unknown key \ud800"}).encode()


def test_ready() -> None:
    """The greeting names the session, the size, the window and the params in force."""
    message = json.loads(wire.encode_text(wire.ready("abc", "embedded", 256, 192, 3, {"seed": 1}, rev=2)))
    assert message == {
        "type": "ready", "session": "abc", "student": "embedded", "width": 256, "height": 192, "window": 3,
        "params": {"seed": 1}, "rev": 2,
    }  # fmt: skip


def test_params_in_force() -> None:
    """The answer to params carries its revision and every param."""
    assert wire.params_in_force(4, {"seed": 1}, unknown=["x"]) == {"type": "params", "rev": 4, "seed": 1, "unknown": ["x"]}


def test_error() -> None:
    """An error has an id only where it answers a frame, be it frame 0."""
    assert wire.error("full", "no room") == {"type": "error", "code": "full", "message": "no room"}
    assert wire.error("full", "no room", 0)["id"] == 0


def test_the_image_in_an_answer() -> None:
    """An encoded answer's image is found without taking the rest apart; others have none."""
    assert wire.image_in(FrameOut(1, AnswerKind.IMAGE, image=b"picture").encode()) == b"picture"
    for kind in (AnswerKind.REPEAT, AnswerKind.DROPPED):
        assert wire.image_in(FrameOut(1, kind).encode()) == b""
    assert wire.image_in(b"") == b""
