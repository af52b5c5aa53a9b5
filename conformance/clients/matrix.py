"""Every way of publishing meets every way of receiving: one topic, all subscribers at once, one publisher after the other.

Then all publish at the same time, and all must have received in one order.
"""

import argparse
import asyncio
import base64
import json
import os
import sys
from dataclasses import dataclass, field

from browser import Browser
from message import EVENT, HEADERS
from publishers import PUBLISHERS, SOCKETIO_WAYS, curl_post
from server import Server, free_port
from subscribers import SUBSCRIBERS

TOPIC = "harbour"
READY_SECONDS = 30
ARRIVE_SECONDS = 5
DOUBLES_SECONDS = 0.5

# The ways that are packages of npm.
OF_NPM = ["stompjs-ws", "sockjs-xhr", *SOCKETIO_WAYS]

OLD_CLIENTS = "[socketio]\nallow-eio3 = true\n"

TYPES = {
    "text": "text/plain",
    "lines": "text/plain",
    "json": "application/json",
    "compact": "application/json",
    "binary": "application/octet-stream",
}

PAGE_SCRIPT = """
    const url = "%(http)s/topics/%(topic)s";
    const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));
    const utf8 = (text) => base64(new TextEncoder().encode(text));

    async function post(type, body) {
        const headers = {"Content-Type": type, "Pogu-Event": %(event)s};
        const answer = await fetch(url, {method: "POST", headers, body: bytes(body)});
        if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    }

    function listenToEvents() {
        const events = new EventSource(url);
        events.onmessage = (event) => report(["eventsource", "", utf8(event.data)]);
        events.addEventListener(%(event)s, (event) => report(["eventsource", event.type, utf8(event.data)]));
    }

    const publishing = new Promise((resolve, reject) => {
        const socket = new WebSocket(url.replace("http", "ws"));
        socket.onopen = () => resolve(socket);
        socket.onerror = reject;
    });
    const sendText = async (body) => (await publishing).send(new TextDecoder().decode(bytes(body)));
    const sendBinary = async (body) => (await publishing).send(bytes(body));

    function listenToSocket() {
        const socket = new WebSocket(url.replace("http", "ws"));
        socket.binaryType = "arraybuffer";
        socket.onmessage = ({data}) =>
            report(typeof data === "string" ? ["websocket", "text", utf8(data)] : ["websocket", "binary", base64(data)]);
    }
"""


@dataclass(frozen=True)
class Body:
    """What is published, unlike any other of the run."""

    publisher: str
    kind: str

    @property
    def type(self):
        return TYPES[self.kind]

    @property
    def bytes(self):
        who = self.publisher
        return {
            "text": f'{who}: a text, 글, \\ and "quotes"'.encode(),
            "lines": f"{who}: one\n two\n\n:four".encode(),
            "json": f'{{"from": "{who}", "n": 2.50, "글": [true, null, "a\\nb"]}}'.encode(),
            # As whoever has only its value writes it.
            "compact": f'{{"from":"{who}","n":2.5,"list":[true,null,"a\\nb"]}}'.encode(),
            "binary": b"\x00\xff\xfe" + who.encode() + b"\r\n\n\x80",
        }[self.kind]

    def is_in(self, message):
        """Whether a message is of this body."""
        if message.is_parsed and self.type == message.type:
            return json.loads(message.body) == json.loads(self.bytes)
        return message.body == self.bytes


@dataclass
class Harbour:
    """Where everything is."""

    pogu: str
    browser: Browser = None
    topic: str = TOPIC
    hearers: dict = field(default_factory=dict)

    def __post_init__(self):
        self.port, self.line_port, self.length_port = free_port(), free_port(), free_port()
        self.udp_port, self.reply_port = free_port(), free_port()
        self.http, self.ws = f"http://127.0.0.1:{self.port}", f"ws://127.0.0.1:{self.port}"

    def config(self):
        bound = [
            f'[[listen]]\naddress = "tcp://127.0.0.1:{self.line_port}"\nframing = "line"',
            f'[[listen]]\naddress = "tcp://127.0.0.1:{self.length_port}"\nframing = "length"',
            f'[[listen]]\naddress = "udp://127.0.0.1:{self.udp_port}"',
        ]
        both_ways = f'topic = "{TOPIC}"\nreply-topic = "{TOPIC}"\n'
        # What the subscriber of a bound UDP port sends to be known is no part of the matrix.
        replies = f'[[listen]]\naddress = "udp://127.0.0.1:{self.reply_port}"\ntopic = "greetings"\nreply-topic = "{TOPIC}"\n'
        return f'[[listen]]\naddress = "127.0.0.1:{self.port}"\n' + "".join(f"{one}\n{both_ways}" for one in bound) + replies + OLD_CLIENTS

    def on_report(self, said):
        """Something arrived in the page."""
        if not isinstance(said, list):
            print(f"the page says: {said}")
            return
        source, told, body = said
        self.hearers[source](told, base64.b64decode(body))


class Inbox:
    """What one subscriber has received."""

    def __init__(self, name, harbour):
        self.name = name
        self.messages = []
        self.is_late = False
        self.task = asyncio.create_task(SUBSCRIBERS[name](harbour, self.messages.append))

    def carries(self, body):
        """A line cannot hold a line break."""
        return self.name != "bound-line" or b"\n" not in body.bytes

    def copies(self, body):
        return [message for message in self.messages if body.is_in(message)]

    def fault(self, body, says):
        """What is wrong with how this body arrived, of a publisher who says so much beside it, or None."""
        copies = self.copies(body)
        if not copies:
            last = self.messages[-1] if self.messages else "nothing"
            return f"did not arrive; the last to arrive is {last}{self.end()}"
        if len(copies) > 1:
            return f"arrived {len(copies)} times"
        [message] = copies
        if message.type is not None and message.type.split(";")[0] != body.type:
            return f"arrived as {message.type}"
        if message.frame is not None and (message.frame == "binary") != (body.kind == "binary"):
            return f"arrived in a {message.frame} frame"
        event = EVENT if "event" in says else ""
        if message.event is not None and message.event != event:
            return f"arrived as the event {message.event!r}"
        headers = HEADERS if "headers" in says else {}
        if message.headers is not None and message.headers != headers:
            return f"arrived with the headers {message.headers}"
        return None

    def end(self):
        """Why it stopped receiving, if it did."""
        if not self.task.done():
            return ""
        error = None if self.task.cancelled() else self.task.exception()
        return f"; its subscriber ended: {error!r}"


async def ready(harbour, inboxes):
    """Publishes until every subscriber has heard something. Says who has not."""
    for number in range(READY_SECONDS * 2):
        await curl_post(harbour, Body(f"warm-up-{number}", "text"))
        await asyncio.sleep(0.5)
        deaf = [inbox for inbox in inboxes if not inbox.messages]
        if not deaf or all(inbox.task.done() for inbox in deaf):
            break
    for inbox in deaf:
        print(f"FAIL {inbox.name} hears nothing{inbox.end()}")


async def publish(harbour, name, body):
    """Publishes one body and says what went wrong, if something did."""
    try:
        await PUBLISHERS[name][0](harbour, body)
    except Exception as error:
        return f"cannot publish: {error!r}"
    return None


async def meet(harbour, inboxes, name):
    """One publisher and all subscribers. Gives back what was published and could not be."""
    faults = {}
    for kind in PUBLISHERS[name][1]:
        body = Body(name, kind)
        faults[kind] = await publish(harbour, name, body)
        # One that has missed something once is not waited for again.
        waiting = [inbox for inbox in inboxes if inbox.carries(body) and not inbox.is_late]
        for _ in range(ARRIVE_SECONDS * 50):
            if faults[kind] or all(inbox.copies(body) for inbox in waiting):
                break
            await asyncio.sleep(0.02)
        for inbox in waiting:
            inbox.is_late = not faults[kind] and not inbox.copies(body)
    return faults


def tell(name, inbox, publish_faults):
    """Prints a cell and says whether it holds."""
    kinds = [kind for kind in publish_faults if inbox.carries(Body(name, kind))]
    faults = {kind: publish_faults[kind] or inbox.fault(Body(name, kind), PUBLISHERS[name][2]) for kind in kinds}
    for kind, fault in faults.items():
        if fault:
            print(f"FAIL {name} → {inbox.name}: {kind} {fault}")
    if not any(faults.values()):
        print(f"ok   {name} → {inbox.name}: {', '.join(kinds)}")
    return not any(faults.values())


async def one_order(harbour, inboxes):
    """All publish at the same time; says whether every subscriber has the same order."""
    bodies = {name: Body(f"{name} with the others", "text") for name in PUBLISHERS}
    await asyncio.gather(*(publish(harbour, name, body) for name, body in bodies.items()))
    publisher_of = {body.bytes: name for name, body in bodies.items()}
    orders = {}
    for _ in range(ARRIVE_SECONDS * 50):
        for inbox in inboxes:
            orders[inbox.name] = [publisher_of[m.body] for m in inbox.messages if m.body in publisher_of]
        if all(len(order) >= len(bodies) for order in orders.values()):
            break
        await asyncio.sleep(0.02)
    first = orders[inboxes[0].name]
    others = [name for name, order in orders.items() if order != first]
    for name in others:
        print(f"FAIL order: {name} has {orders[name]}, {inboxes[0].name} has {first}")
    missing = bodies.keys() - set(first)
    if missing:
        print(f"FAIL order: {inboxes[0].name} lacks {sorted(missing)}")
    if others or missing:
        return False
    print(f"ok   one order of {len(first)} messages for {len(orders)} subscribers")
    return True


async def run(pogu):
    harbour = Harbour(pogu)
    cells = []
    with Server(pogu, harbour.port, harbour.config()) as server:
        async with Browser(harbour.on_report) as harbour.browser:
            await harbour.browser.run(PAGE_SCRIPT % {"http": harbour.http, "topic": TOPIC, "event": json.dumps(EVENT)})
            inboxes = [Inbox(name, harbour) for name in SUBSCRIBERS]
            await ready(harbour, inboxes)
            published = {name: await meet(harbour, inboxes, name) for name in PUBLISHERS}
            cells.append(await one_order(harbour, inboxes))
            await asyncio.sleep(DOUBLES_SECONDS)
            cells += [tell(name, inbox, published[name]) for name in PUBLISHERS for inbox in inboxes]
            for inbox in inboxes:
                inbox.task.cancel()
            await asyncio.gather(*(inbox.task for inbox in inboxes), return_exceptions=True)
    cells.append(server.status == 0)
    print(f"{cells.count(True)} cells passed, {cells.count(False)} failed")
    return all(cells)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pogu", required=True, help="the program to test")
    parser.add_argument("--packages", help="the folder of the npm packages; without it their ways are left out")
    options = parser.parse_args()
    if options.packages:
        os.environ["NODE_PATH"] = options.packages
    else:
        for name in OF_NPM:
            del PUBLISHERS[name], SUBSCRIBERS[name]
    sys.exit(0 if asyncio.run(run(options.pogu)) else 1)
