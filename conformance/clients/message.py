"""A message as the drivers see it, and the forms in which it arrives."""

import base64
import json
import re
from dataclasses import dataclass
from urllib.parse import unquote


# What every publisher says that has a place for it.
EVENT = "greet"
HEADERS = {"from": "the matrix", "odd": "a:b\nc", "글": "🚢", "empty": ""}

# Of a MESSAGE, what is not its publisher's.
STOMP_HEADERS = {"subscription", "message-id", "ack", "destination", "content-type", "content-length", "cursor", "event"}


@dataclass(frozen=True)
class Message:
    """What arrived, as far as its carrier tells: one without an envelope tells no type, only a WebSocket tells a frame. An event that was
    not named is empty."""

    body: bytes
    type: str | None = None
    frame: str | None = None
    event: str | None = None
    headers: dict | None = None
    # JSON that a client has parsed: its value arrived, not its text.
    is_parsed: bool = False


def from_json(text):
    """The JSON form, the same in polls, in streams and in the tool's output."""
    value = json.loads(text)
    told = value.get("type")
    envelope = {"type": told, "event": value.get("event", ""), "headers": value.get("headers", {})}
    if "base64" in value:
        return Message(base64.b64decode(value["base64"], validate=True), **envelope)
    if isinstance(value["data"], str) and "json" not in (told or ""):
        return Message(value["data"].encode(), **envelope)
    # JSON is passed on as it was written, so its text is compared and not its value.
    start = text.index('"data":') + len('"data":')
    _, end = json.JSONDecoder().raw_decode(text, start)
    return Message(text[start:end].encode(), **envelope)


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


def from_text(text, event=None):
    """The body alone, where only text can be carried: bytes are a data URL (RFC 2397)."""
    found = re.fullmatch(r"data:([^;,]+);base64,(.*)", text, re.DOTALL)
    if found:
        return Message(base64.b64decode(found[2], validate=True), found[1], event=event)
    return Message(text.encode(), event=event)


def from_pogu(unit):
    """An answer of the pogu dialect, if it is a message."""
    assert not unit.startswith((b"ERR", b"GAP", b"BYE")), unit
    if not unit.startswith(b"MSG "):
        return None
    head, body = re.split(rb" :", unit, maxsplit=1)
    words = dict(word.split("=", 1) for word in head.decode().split(" ")[2:])
    if "len" in words:
        body = body[: int(words["len"])]
    return Message(body, unquote(words.get("type", "text/plain")), event=unquote(words.get("event", "")))


def from_stomp(headers, body):
    """A MESSAGE of STOMP."""
    assert headers["content-length"] == str(len(body)), headers
    given = {name: value for name, value in headers.items() if name not in STOMP_HEADERS}
    return Message(body, headers["content-type"], event=headers.get("event", ""), headers=given)


def from_value(event, value):
    """An event of Socket.IO with one argument. One that was not named is `message`."""
    told = {"event": "" if event == "message" else event}
    if isinstance(value, bytes):
        return Message(value, "application/octet-stream", **told)
    if isinstance(value, str):
        return Message(value.encode(), "text/plain", **told)
    return Message(json.dumps(value).encode(), "application/json", **told, is_parsed=True)
