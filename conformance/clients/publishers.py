"""Each way of publishing: a function that publishes one body and returns when that is done."""

import asyncio
import base64
import json
import queue
from contextlib import asynccontextmanager
from pathlib import Path

import socketio
import stomp
from websockets.asyncio.client import connect

from message import EVENT, HEADERS

PUBLISH_SECONDS = 20

ALL = ("text", "lines", "json", "binary")
# Where the client has values and not their text.
VALUES = ("text", "lines", "compact", "binary")
# Where the client names no content type there is text and there are bytes.
UNTYPED = ("text", "lines", "binary")

STOMPJS = str(Path(__file__).with_name("stompjs.js"))
SOCKJS = str(Path(__file__).with_name("sockjs.js"))
SOCKETIO = str(Path(__file__).with_name("socketio.js"))
# Ways of socket.io-client: its transport, after which version it is, and what comes before the topic.
SOCKETIO_WAYS = {
    "socketio-ws": ("websocket", ""),
    "socketio-polling-root": ("polling", "root:"),
    "socketio2-polling": ("2:polling", ""),
}


async def output_of(*command, stdin=b""):
    """What a program prints that ends by itself."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), PUBLISH_SECONDS)
    except BaseException:
        process.kill()
        raise
    assert process.returncode == 0, f"{command[0]} ended with {process.returncode}: {(out + err).decode(errors='replace')}"
    return out


@asynccontextmanager
async def running(*command):
    """A program that is ended with the block; its errors go where ours go."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def answer_of(process, said):
    """Says something to a running program and waits for its first line."""
    process.stdin.write(said)
    await process.stdin.drain()
    line = await asyncio.wait_for(process.stdout.readline(), PUBLISH_SECONDS)
    assert line.startswith(b"OK"), line
    return line


def command_for(topic, body, eol=b"\n"):
    """`PUB` of the pogu dialect."""
    length = f" len={len(body.bytes)}" if body.kind in ("lines", "binary") else ""
    head = f"PUB {topic} event={EVENT} type={body.type}{length} :"
    return head.encode() + body.bytes + eol


async def curl_post(harbour, body, *options):
    url = f"{harbour.http}/topics/{harbour.topic}"
    command = ["curl", "-sS", "--fail-with-body", *options, "-H", f"Content-Type: {body.type}", "-H", f"Pogu-Event: {EVENT}"]
    answer = json.loads(await output_of(*command, "--data-binary", "@-", url, stdin=body.bytes))
    assert "cursor" in answer, answer


async def curl_post_http2(harbour, body):
    await curl_post(harbour, body, "--http2-prior-knowledge")


async def nc_tcp(harbour, body):
    async with running("nc.openbsd", "127.0.0.1", str(harbour.port)) as nc:
        await answer_of(nc, command_for(harbour.topic, body))


async def nc_udp(harbour, body):
    async with running("nc.openbsd", "-u", "127.0.0.1", str(harbour.port)) as nc:
        await answer_of(nc, command_for(harbour.topic, body, b""))


async def bound_line(harbour, body):
    await output_of("nc.openbsd", "-N", "127.0.0.1", str(harbour.line_port), stdin=body.bytes + b"\n")


async def bound_length(harbour, body):
    framed = len(body.bytes).to_bytes(4) + body.bytes
    await output_of("nc.openbsd", "-N", "127.0.0.1", str(harbour.length_port), stdin=framed)


async def bound_udp(harbour, body):
    # A bound port answers nothing, so nc waits its shortest time and ends.
    await output_of("nc.openbsd", "-u", "-w", "1", "127.0.0.1", str(harbour.udp_port), stdin=body.bytes)


async def browser_fetch(harbour, body):
    await harbour.browser.run(f"post({json.dumps(body.type)}, {encoded(body)})")


async def browser_websocket(harbour, body):
    send = "sendBinary" if body.kind == "binary" else "sendText"
    await harbour.browser.run(f"{send}({encoded(body)})")


def encoded(body):
    return json.dumps(base64.b64encode(body.bytes).decode())


async def python_websocket(harbour, body):
    async with connect(f"{harbour.ws}/topics/{harbour.topic}") as socket:
        await socket.send(body.bytes if body.kind == "binary" else body.bytes.decode())


async def python_pogu(harbour, body):
    command = command_for(harbour.topic, body, b"")
    async with connect(f"{harbour.ws}/pogu") as socket:
        await socket.send(command if body.kind == "binary" else command.decode())
        answer = await asyncio.wait_for(socket.recv(decode=False), PUBLISH_SECONDS)
        assert answer.startswith(b"OK"), answer


async def stomp_py(harbour, body):
    await asyncio.to_thread(send_by_stomp_py, harbour, body)


def send_by_stomp_py(harbour, body):
    connection = stomp.Connection12([("127.0.0.1", harbour.port)])
    receipts = Receipts()
    connection.set_listener("receipts", receipts)
    connection.connect(wait=True)
    headers = HEADERS | {"event": EVENT}
    connection.send(f"/topic/{harbour.topic}", body.bytes, body.type, headers, receipt="sent")
    receipts.queue.get(timeout=PUBLISH_SECONDS)
    connection.disconnect()


class Receipts(stomp.ConnectionListener):
    def __init__(self):
        self.queue = queue.Queue()

    def on_receipt(self, frame):
        self.queue.put(frame)


async def stompjs(harbour, body):
    headers = HEADERS | {"event": EVENT, "content-type": body.type}
    said = {"body": base64.b64encode(body.bytes).decode(), "binary": body.kind == "binary", "headers": headers}
    await output_of("node", STOMPJS, "pub", f"{harbour.ws}/stomp", f"/topic/{harbour.topic}", stdin=json.dumps(said).encode())


async def sockjs(harbour, body):
    await output_of("node", SOCKJS, "pub", f"{harbour.http}/topics/{harbour.topic}", stdin=body.bytes)


def socketio_js(way):
    transport, before = SOCKETIO_WAYS[way]

    async def publish(harbour, body):
        value = value_of(body)
        said = {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else {"value": value}
        said = json.dumps({"event": EVENT} | said).encode()
        await output_of("node", SOCKETIO, "pub", harbour.http, transport, before + harbour.topic, stdin=said)

    return publish


def value_of(body):
    match body.kind:
        case "binary":
            return body.bytes
        case "compact":
            return json.loads(body.bytes)
    return body.bytes.decode()


async def socketio_py(harbour, body):
    await asyncio.to_thread(emit_by_socketio_py, harbour, body)


def emit_by_socketio_py(harbour, body):
    with socketio.SimpleClient(reconnection=False) as client:
        client.connect(harbour.http, namespace=f"/{harbour.topic}", transports=["websocket"])
        answer = client.call(EVENT, value_of(body), timeout=PUBLISH_SECONDS)
        assert "cursor" in answer, answer


def tool(via):
    async def publish(harbour, body):
        options = ["--server", harbour.http, "--via", via, "--type", body.type, "--event", EVENT, "--whole"]
        await output_of(harbour.pogu, "pub", *options, harbour.topic, stdin=body.bytes)

    return publish


# What a publisher can say beside the body.
NOTHING, NAMES, ALL_OF_IT = (), ("event",), ("event", "headers")

# Each with the kinds of bodies that it can say, and what beside them.
PUBLISHERS = {
    "curl-post": (curl_post, ALL, NAMES),
    "curl-post-http2": (curl_post_http2, ALL, NAMES),
    "nc-tcp": (nc_tcp, ALL, NAMES),
    "nc-udp": (nc_udp, ALL, NAMES),
    "bound-line": (bound_line, ("text",), NOTHING),
    "bound-length": (bound_length, UNTYPED, NOTHING),
    "bound-udp": (bound_udp, UNTYPED, NOTHING),
    "browser-fetch": (browser_fetch, ALL, NAMES),
    "browser-websocket": (browser_websocket, UNTYPED, NOTHING),
    "python-websocket": (python_websocket, UNTYPED, NOTHING),
    "python-pogu": (python_pogu, ALL, NAMES),
    "stomp-py-tcp": (stomp_py, ALL, ALL_OF_IT),
    "stompjs-ws": (stompjs, ALL, ALL_OF_IT),
    "sockjs-xhr": (sockjs, ("text", "lines"), NOTHING),
    "python-socketio": (socketio_py, VALUES, NAMES),
} | {way: (socketio_js(way), VALUES, NAMES) for way in SOCKETIO_WAYS} | {f"pogu-pub-{via}": (tool(via), ALL, NAMES) for via in ("http", "ws", "tcp", "udp", "auto")}
