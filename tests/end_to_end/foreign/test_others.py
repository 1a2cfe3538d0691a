"""LangChain, LiteLLM, webuiapi, fal and the packages for JavaScript: what their users call, with their defaults."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any


def test_langchain(other: Any, python: Any) -> None:
    """LangChain's image wrapper, with its defaults and with others'."""
    assert python("langchain_calls.py", other.url) == "done\n"


def test_litellm(other: Any, python: Any) -> None:
    """LiteLLM generates and edits, by OpenAI's names of models and by ours."""
    assert "done" in python("litellm_calls.py", other.url, LITELLM_LOCAL_MODEL_COST_MAP="True")


def test_webuiapi(start: Any, python: Any) -> None:
    """A client of A1111's API, with a key as its password."""
    server = start("--engine", "fake", "--fake-tick", "0.002", "--api-keys", "right")
    assert "done" in python("webuiapi_calls.py", server.url, "right")
    assert "Traceback" not in server.said()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that nobody but who is told to trusts, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *names], check=True, capture_output=True)
    return certificate, key


@asynccontextmanager
async def _encrypted(port: int, certificate: Path, key: Path) -> AsyncIterator[int]:
    """What proxies do: a port that speaks TLS, before one that does not."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, inner_writer), pass_on(inner_reader, writer), return_exceptions=True)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    async with await asyncio.start_server(serve, "localhost", 0, ssl=context) as proxy:
        yield proxy.sockets[0].getsockname()[1]


async def test_fal(other: Any, python: Any, tmp_path: Path) -> None:
    """fal's Python client: its host is in the environment, and it insists on TLS."""
    certificate, key = await asyncio.to_thread(_certificate, tmp_path)
    async with _encrypted(other.port, certificate, key) as port:
        environment = {"FAL_RUN_HOST": f"localhost:{port}", "FAL_KEY": "none", "SSL_CERT_FILE": str(certificate)}
        assert await asyncio.to_thread(python, "fal_calls.py", **environment) == "done\n"


def test_openai_in_javascript(other: Any, node: Any) -> None:
    """OpenAI's package for JavaScript."""
    assert node("openai_calls.mjs", other.url) == "done\n"


def test_fal_in_javascript(other: Any, node: Any) -> None:
    """fal's package for JavaScript has its host written into it: the two lines of our page lead it here."""
    assert node("fal_calls.mjs", f"ws://127.0.0.1:{other.port}") == "done\n"


def test_the_description(other: Any, schemathesis: Any) -> None:
    """What the server says of its API is so: every answer to whatever may be asked is of a kind and form that it states.

    `st run -n 40` makes some two thousand cases of it, in minutes; here there are a few of each route.
    """
    said = schemathesis("-n", "2", "--phases", "examples,fuzzing", "--seed", "1", f"{other.url}/openapi.json")
    assert " passed" in said
    assert "failed" not in said
