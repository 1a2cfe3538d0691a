"""Answers in a few words, after which a connection ends: for those who never get to the app."""

from http import HTTPStatus


def plain(status: HTTPStatus, why: str) -> bytes:
    """A whole response."""
    body = f"{why}\n".encode("ascii", "backslashreplace")
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\nContent-Type: text/plain\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
