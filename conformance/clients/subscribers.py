"""Each way of receiving: a function that gives every message to `take`, for as long as it is let."""

import asyncio
import base64
import json
import re
import socket
from contextlib import asynccontextmanager
from dataclasses import replace

import socketio
import stomp
from websockets.asyncio.client import connect

from message import Message, from_json, from_pogu, from_poll, from_stomp, from_text, from_value
from publishers import SOCKETIO, SOCKETIO_WAYS, SOCKJS, STOMPJS, answer_of, output_of, running

POLL_PAUSE = 0.1
WAIT = 10
# A lease lasts 60 s.
RENEW_PAUSE = 20
# A bound UDP port sends an address at most three times what came from it.
CREDIT = b"." * 1200
CREDIT_PAUSE = 0.5


async def curl_poll(harbour, take):
    after = ""
    while True:
        after = await poll(harbour, take, after)
        await asyncio.sleep(POLL_PAUSE)


async def curl_longpoll(harbour, take):
    after = await poll(harbour, take, "")
    while True:
        after = await poll(harbour, take, f"{after}&wait={WAIT}")


async def poll(harbour, take, after):
    url = f"{harbour.http}/topics/{harbour.topic}" + (f"?after={after}" if after else "")
    text = await output_of("curl", "-sS", "--fail-with-body", url)
    messages, following = from_poll(text.decode())
    for message in messages:
        take(message)
    return following


async def curl_ndjson(harbour, take):
    async with curl_stream(harbour, "application/x-ndjson") as curl:
        async for line in curl.stdout:
            if line.strip():
                take(from_json(line.decode()))


async def curl_sse(harbour, take, *options):
    async with curl_stream(harbour, "text/event-stream", *options) as curl:
        data, event, has_id, kind = [], "", False, None
        async for line in curl.stdout:
            field, _, value = line.decode().removesuffix("\n").partition(":")
            if field == "data":
                data.append(value.removeprefix(" "))
            elif field == "event":
                event = value.removeprefix(" ")
            elif field == "id":
                has_id = True
            elif field == "type":
                kind = value.removeprefix(" ")
            elif field == "" and line == b"\n" and data:
                assert has_id, data
                message = from_text("\n".join(data), event)
                # The type is told of bytes, and of nothing else.
                assert kind == message.type, (kind, message)
                take(message)
                data, event, has_id, kind = [], "", False, None


async def curl_sse_http2(harbour, take):
    await curl_sse(harbour, take, "--http2-prior-knowledge")


def curl_stream(harbour, accept, *options):
    url = f"{harbour.http}/topics/{harbour.topic}"
    return running("curl", "-sSN", "--fail-with-body", *options, "-H", f"Accept: {accept}", url)


async def nc_tcp(harbour, take):
    async with running("nc.openbsd", "127.0.0.1", str(harbour.port)) as nc:
        await answer_of(nc, f"SUB {harbour.topic}\n".encode())
        async for line in nc.stdout:
            length = re.match(rb"MSG .*? len=(\d+)(?: \S+)* :", line)
            wanted = length.end() + int(length[1]) + 1 if length else 0
            if wanted > len(line):
                line += await nc.stdout.readexactly(wanted - len(line))
            if not line.endswith(b"\n"):
                raise EOFError(line)
            hear_pogu(line.removesuffix(b"\n"), take)


async def nc_udp(harbour, take):
    async with running("nc.openbsd", "-u", "127.0.0.1", str(harbour.port)) as nc:
        line = await answer_of(nc, f"SUB {harbour.topic}".encode())
        subscribe = b"SUB %s %s" % (harbour.topic.encode(), line.split()[-1])
        async with repeating(lambda: nc.stdin.write(subscribe), RENEW_PAUSE):
            while datagrams := await nc.stdout.read(1 << 16):
                # nc prints datagrams one after the other; none of our bodies looks like the head of a message.
                for unit in re.split(rb"(?=MSG \S+ cursor=|OK|ERR|GAP)", datagrams):
                    hear_pogu(unit, take)


def hear_pogu(unit, take):
    message = from_pogu(unit)
    if message:
        take(message)


async def bound_line(harbour, take):
    async with running("nc.openbsd", "127.0.0.1", str(harbour.line_port)) as nc:
        async for line in nc.stdout:
            take(Message(line.removesuffix(b"\n")))


async def bound_length(harbour, take):
    async with running("nc.openbsd", "127.0.0.1", str(harbour.length_port)) as nc:
        while True:
            length = await nc.stdout.readexactly(4)
            take(Message(await nc.stdout.readexactly(int.from_bytes(length))))


async def bound_udp(harbour, take):
    # Not nc: it prints datagrams without a border, and here nothing in them tells it.
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        udp.connect(("127.0.0.1", harbour.reply_port))
        async with repeating(lambda: udp.send(CREDIT), CREDIT_PAUSE):
            while True:
                take(Message(await loop.sock_recv(udp, 1 << 16)))


@asynccontextmanager
async def repeating(act, pause):
    """Does something now and again, for as long as the block lasts."""

    async def repeat():
        while True:
            act()
            await asyncio.sleep(pause)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()


async def browser_eventsource(harbour, take):
    hear = lambda event, body: take(from_text(body.decode(), event))
    await from_browser(harbour, "eventsource", "listenToEvents()", hear)


async def browser_websocket(harbour, take):
    hear = lambda frame, body: take(Message(body, frame=frame))
    await from_browser(harbour, "websocket", "listenToSocket()", hear)


async def from_browser(harbour, source, script, hear):
    harbour.hearers[source] = hear
    await harbour.browser.run(script)
    await asyncio.Event().wait()


async def python_websocket(harbour, take):
    async with connect(f"{harbour.ws}/topics/{harbour.topic}") as websocket:
        async for said in websocket:
            is_text = isinstance(said, str)
            take(Message(said.encode() if is_text else said, frame="text" if is_text else "binary"))


async def python_pogu(harbour, take):
    async with connect(f"{harbour.ws}/pogu") as websocket:
        await websocket.send(f"SUB {harbour.topic}")
        async for said in websocket:
            hear_pogu(said.encode() if isinstance(said, str) else said, take)


async def stomp_py(harbour, take):
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    connection = stomp.Connection12([("127.0.0.1", harbour.port)], auto_decode=False)
    hear = lambda frame: loop.call_soon_threadsafe(take, from_stomp(frame.headers, frame.body))
    connection.set_listener("ears", Ears(hear, lambda: loop.call_soon_threadsafe(ended.set)))
    await asyncio.to_thread(connection.connect, wait=True)
    try:
        connection.subscribe(f"/topic/{harbour.topic}", "matrix")
        await ended.wait()
        raise EOFError("the connection has ended")
    finally:
        connection.disconnect()


class Ears(stomp.ConnectionListener):
    def __init__(self, hear, end):
        self.on_message, self.on_disconnected = hear, end


async def stompjs(harbour, take):
    async with running("node", STOMPJS, "sub", f"{harbour.ws}/stomp", f"/topic/{harbour.topic}") as node:
        async for line in node.stdout:
            said = json.loads(line)
            take(from_stomp(said["headers"], base64.b64decode(said["body"])))


async def sockjs(harbour, take):
    async with running("node", SOCKJS, "sub", f"{harbour.http}/topics/{harbour.topic}") as node:
        async for line in node.stdout:
            take(from_text(json.loads(line)))


def socketio_js(way):
    transport, before = SOCKETIO_WAYS[way]

    async def subscribe(harbour, take):
        topic = before + harbour.topic
        async with running("node", SOCKETIO, "sub", harbour.http, transport, topic) as node:
            async for line in node.stdout:
                said = json.loads(line)
                value = base64.b64decode(said["base64"]) if "base64" in said else said["value"]
                take(from_value(said["event"], value))

    return subscribe


async def socketio_py(harbour, take):
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    client = socketio.Client(reconnection=False)
    namespace = f"/{harbour.topic}"
    client.on("*", lambda event, value: loop.call_soon_threadsafe(take, from_value(event, value)), namespace=namespace)
    client.on("disconnect", lambda reason: loop.call_soon_threadsafe(ended.set), namespace=namespace)
    await asyncio.to_thread(client.connect, harbour.http, namespaces=[namespace])
    try:
        await ended.wait()
        raise EOFError("the connection has ended")
    finally:
        client.disconnect()


def tool(via):
    async def subscribe(harbour, take):
        options = ["--server", harbour.http, "--via", via, "--json"]
        async with running(harbour.pogu, "sub", *options, harbour.topic) as sub:
            async for line in sub.stdout:
                # It prints the event, but not what only STOMP can say.
                message = replace(from_json(line.decode()), headers=None)
                # Server-sent events tell no type: there the tool says text of all that is not bytes.
                is_untold = via == "sse" and message.type == "text/plain"
                take(replace(message, type=None) if is_untold else message)

    return subscribe


SUBSCRIBERS = {
    "curl-poll": curl_poll,
    "curl-longpoll": curl_longpoll,
    "curl-ndjson": curl_ndjson,
    "curl-sse": curl_sse,
    "curl-sse-http2": curl_sse_http2,
    "nc-tcp": nc_tcp,
    "nc-udp": nc_udp,
    "bound-line": bound_line,
    "bound-length": bound_length,
    "bound-udp": bound_udp,
    "browser-eventsource": browser_eventsource,
    "browser-websocket": browser_websocket,
    "python-websocket": python_websocket,
    "python-pogu": python_pogu,
    "stomp-py-tcp": stomp_py,
    "stompjs-ws": stompjs,
    "sockjs-xhr": sockjs,
    "python-socketio": socketio_py,
} | {way: socketio_js(way) for way in SOCKETIO_WAYS} | {f"pogu-sub-{via}": tool(via) for via in ("sse", "stream", "longpoll", "poll", "ws", "tcp", "udp", "auto")}
