"""A message as the drivers see it, and the forms in which it arrives."""

import base64
import json
import re
from dataclasses import dataclass
from urllib.parse import unquote


@dataclass(frozen=True)
class Message:
    """What arrived, as far as its carrier tells: one without an envelope tells no type, only a WebSocket tells a frame."""

    body: bytes
    type: str | None = None
    frame: str | None = None


def from_json(text):
    """The JSON form, the same in polls, in streams and in the tool's output."""
    value = json.loads(text)
    if "base64" in value:
        return Message(base64.b64decode(value["base64"], validate=True), value["type"])
    if isinstance(value["data"], str) and "json" not in value["type"]:
        return Message(value["data"].encode(), value["type"])
    # JSON is passed on as it was written, so its text is compared and not its value.
    start = text.index('"data":') + len('"data":')
    _, end = json.JSONDecoder().raw_decode(text, start)
    return Message(text[start:end].encode(), value["type"])


def from_poll(text):
    """The messages of an answer to a poll, and where the next one goes on."""
    answer = json.loads(text)
    assert answer["gap"] is False, text
    start = text.index('"messages":[') + len('"messages":[')
    messages = []
    for _ in answer["messages"]:
        _, end = json.JSONDecoder().raw_decode(text, start)
        messages.append(from_json(text[start:end]))
        start = end + 1
    return messages, answer["next"]


def from_text(text):
    """The body alone, where only text can be carried: bytes are a data URL (RFC 2397)."""
    found = re.fullmatch(r"data:([^;,]+);base64,(.*)", text, re.DOTALL)
    if found:
        return Message(base64.b64decode(found[2], validate=True), found[1])
    return Message(text.encode())


def from_pogu(unit):
    """An answer of the pogu dialect, if it is a message."""
    assert not unit.startswith((b"ERR", b"GAP", b"BYE")), unit
    if not unit.startswith(b"MSG "):
        return None
    head, body = re.split(rb" :", unit, maxsplit=1)
    words = dict(word.split("=", 1) for word in head.decode().split(" ")[2:])
    if "len" in words:
        body = body[: int(words["len"])]
    return Message(body, unquote(words.get("type", "text/plain")))
