"""Attacks on the event loop: things to parse, judge and answer that cost the server more than they cost to send."""

import json

from . import frames
from .attack import KEYED, attack
from .hostile import Hostile


def _unknown_keys(count: int) -> dict[str, int]:
    return {f"k{index}": index for index in range(count)}


@attack(1)
def big_body_of_unknown_keys(me: Hostile) -> None:
    """A megabyte of JSON of keys that nobody knows."""
    me.pour(frames.still({"prompt": "x", **_unknown_keys(60_000)}), me.connect)


@attack(1, flags=KEYED)
def big_body_without_a_key(me: Hostile) -> None:
    """The same, where a key is wanted and none is shown."""
    me.pour(frames.still({"prompt": "x", **_unknown_keys(60_000)}), me.connect)


@attack(1)
def bodies_of_64_kilobytes(me: Hostile) -> None:
    """JSON of 60 KB of unknown keys, as fast as may be."""
    me.pour(frames.still({"prompt": "x", **_unknown_keys(4_000)}), me.connect)


@attack(1)
def deep_json(me: Hostile) -> None:
    """Bodies of brackets within brackets."""
    me.pour(frames.still(b'{"prompt":' + b"[" * 30_000 + b"]" * 30_000 + b"}"), me.connect)


@attack(1)
def long_numbers(me: Hostile) -> None:
    """Numbers of thousands of digits, whole and not."""
    whole, part = "9" * 4000, "0." + "7" * 50_000
    me.pour(frames.still(f'{{"prompt":"x","seed":[{whole},{whole},{part}]}}'.encode()), me.connect)


@attack(1)
def the_same_key_again(me: Hostile) -> None:
    """One key ten thousand times in a body."""
    me.pour(frames.still(("{" + ",".join(['"n":1'] * 10_000) + "}").encode()), me.connect)


def _repainted(picture: bytes) -> bytes:
    """A request to paint a picture anew whose base64 is this."""
    body = b'{"prompt":"x","init_images":["' + picture + b'"]}'
    return frames.request("POST", "/sdapi/v1/img2img", body, {"Content-Type": "application/json"})


@attack(1)
def pictures_in_json(me: Hostile) -> None:
    """Megabytes of base64 in JSON, which is no picture."""
    me.pour(_repainted(b"A" * 3_000_000), me.connect)


@attack(1)
def escapes_in_json(me: Hostile) -> None:
    """Megabytes of letters that are written as escapes, where a picture may be."""
    me.pour(_repainted(rb"\u0041" * 500_000), me.connect)


@attack(1)
def brackets_where_a_picture_may_be(me: Hostile) -> None:
    """Megabytes of lists in JSON, where a picture may be sent."""
    body = b'{"prompt":"x","script_args":[' + b"[]," * 1_000_000 + b"0]}"
    me.pour(frames.request("POST", "/sdapi/v1/img2img", body, {"Content-Type": "application/json"}), me.connect)


@attack(1)
def forms_of_near_boundaries(me: Hostile) -> None:
    """Forms whose picture is the beginning of a boundary, again and again."""
    head = b'--bound\r\nContent-Disposition: form-data; name="image"; filename="f"\r\n\r\n'
    body = head + b"\r\n--boun" * 400_000 + b"\r\n--bound--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=bound"}
    me.pour(frames.request("POST", "/v1/images/edits", body, headers), me.connect)


@attack(1)
def messages_of_maps(me: Hostile) -> None:
    """Messages in msgpack of maps within maps, and of lists that are longer than they say, by fal's shape."""
    deep, wide = b"\x81\xa1k" * 100_000, b"\xdd\x7f\xff\xff\xff" + b"\xc0" * 500_000

    def messages(count: int) -> bytes:
        return frames.frame(frames.BINARY, (deep, wide)[count % 2])

    me.pour(messages, lambda: me.stream("/me/embedded/realtime", {"Sec-WebSocket-Protocol": ""}))


@attack(1)
def forms_of_many_parts(me: Hostile) -> None:
    """Forms of a thousand small parts, to where pictures may be sent."""
    part = '--b\r\nContent-Disposition: form-data; name="x{}"; filename="f"\r\n\r\nx\r\n'
    body = ("".join(part.format(index) for index in range(1000)) + "--b--\r\n").encode()
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    me.pour(frames.request("POST", "/v1/images/edits", body, headers), me.connect)


@attack(1)
def blends_of_numbers(me: Hostile) -> None:
    """Live params whose prompt is 19,000 numbers."""
    me.pour(frames.params(prompt=[0] * 19_000), me.stream)


@attack(1)
def params_of_unknown_keys(me: Hostile) -> None:
    """Live params of 2,000 keys that nobody knows."""
    me.pour(frames.params(**_unknown_keys(2_000)), me.stream)


@attack(1)
def params_of_one_unknown_key(me: Hostile) -> None:
    """Live params with a key that nobody knows, of 4,000 characters, each time another."""
    me.pour(lambda count: frames.params(**{f"{count}" + "k" * 4000: 0}), me.stream)


@attack(1)
def many_params(me: Hostile) -> None:
    """Small live params that are right, as many as fit into the rate."""
    me.pour(lambda count: frames.params(seed=count % 1000), me.stream)


@attack(1)
def many_blends(me: Hostile) -> None:
    """Blends of eight prompts, each time others, travelled to over a minute."""

    def blend(count: int) -> bytes:
        parts = [{"text": f"{count} {part} " + "word " * 30, "weight": 1 + part} for part in range(8)]
        return frames.params(prompt=parts, transition=60)

    me.pour(blend, me.stream)


@attack(1)
def long_prompts(me: Hostile) -> None:
    """Prompts of 2,000 characters that no tokenizer has seen, each with a frame to paint."""
    image = me.random.randbytes(200)

    def prompt(count: int) -> bytes:
        text = "".join(chr(me.random.randrange(0x4E00, 0x9FFF)) for _ in range(1900))
        return frames.params(prompt=text, similarity=None) + frames.picture(count, image)

    me.pour(prompt, me.stream)


@attack(1)
def prompts_of_odd_characters(me: Hostile) -> None:
    """Half surrogates, combining marks and escapes, in params and in stills."""
    odd = "e" + "\u0301" * 900 + "\ud800" * 500 + "\u200d" * 500
    if me.index % 2:
        me.pour(frames.params(prompt=odd), me.stream)
    else:
        me.pour(frames.still({"prompt": odd}), me.connect)


@attack(1)
def text_that_is_not_json(me: Hostile) -> None:
    """Text messages of 16 KB that nearly are JSON."""
    me.pour(frames.frame(frames.TEXT, b'{"type":"params","prompt":"' + b"x" * 16_000), me.stream)


@attack(1)
def text_too_long(me: Hostile) -> None:
    """Text messages of 1 MB."""
    me.pour(frames.frame(frames.TEXT, json.dumps({"type": "params", "prompt": "x" * 1_000_000}).encode()), me.stream)


@attack(1, flags=KEYED)
def many_wrong_keys(me: Hostile) -> None:
    """Small requests with a wrong key, pipelined."""
    wrong = [frames.still({"prompt": "x"}, {"Authorization": f"Bearer {number}"}) for number in range(16)]
    me.pour(b"".join(wrong), me.connect)


@attack(1, flags=KEYED)
def many_wrong_keys_live(me: Hostile) -> None:
    """Live connections with a wrong key, one after another."""
    for _ in me.rounds():
        if (one := me.stream(headers={"Authorization": "Bearer wrong"})) is not None:
            me.read(one, 0.2)
            me.drop(one)


@attack(1)
def other_methods(me: Hostile) -> None:
    """HEAD, OPTIONS, TRACE and methods that there are not, pipelined."""
    methods = ("HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "BREW")
    me.pour(b"".join(frames.request(method, "/v1/models") for method in methods * 4), me.connect)


@attack(1)
def huge_headers(me: Hostile) -> None:
    """Requests with 60 KB of headers, few and long or many and short."""
    few = {f"X-{index}": "v" * 15_000 for index in range(4)}
    many = {f"X-{index}": "v" for index in range(5_000)}
    me.pour(frames.request("GET", "/healthz", headers=few if me.index % 2 else many), me.connect)


@attack(1)
def huge_addresses(me: Hostile) -> None:
    """Paths and queries of 30 KB, over HTTP and for a live connection."""
    query = "&".join(f"a{index}=%C3%A9" for index in range(2_000))
    if me.index % 2:
        me.pour(frames.request("GET", "/" + "p/" * 15_000), me.connect)
    else:
        me.pour(frames.upgrade(f"{frames.PATH}?{query}"), me.connect)


@attack(1)
def metrics_again_and_again(me: Hostile) -> None:
    """/metrics, pipelined: writing them costs milliseconds."""
    me.pour(frames.request("GET", "/metrics") * 16, me.connect)


@attack(1)
def pages_again_and_again(me: Hostile) -> None:
    """The page, its files, the documents and the list of models, pipelined."""
    paths = ("/", "/web/app.js", "/docs", "/openapi.json", "/v1/models", "/nowhere", "/web/../server")
    me.pour(b"".join(frames.request("GET", path) for path in paths) * 4, me.connect)
