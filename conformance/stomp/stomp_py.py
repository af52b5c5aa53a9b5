"""stomp.py, Python's usual client of STOMP: 1.0, 1.1 and 1.2 over TCP, 1.2 over WebSocket in text and in binary messages."""

import itertools
import os
import queue
import threading
import time
import unittest

import stomp
from stomp.adapter.ws import WSStompConnection

from server import Server, free_port

WAIT_SECONDS = 10
LARGE = 16 << 20
MANY = 10_000

PORT = free_port()
CONFIG = f'[[listen]]\naddress = "127.0.0.1:{PORT}"\n[limits]\nmessage = "16MiB"\nmailbox = "64MiB"\n'

BODIES = {
    "text": "hello".encode(),
    "line breaks": b"\n\none\r\ntwo\n",
    "unicode": "포구 — naïve 🚢".encode(),
    "NUL": b"a\0b\0\0",
    "bytes": bytes(range(256)),
    "what looks like a frame": b"MESSAGE\ndestination:/topic/a\n\nx\0SEND\n\n\0",
}

names = itertools.count(1)


def fresh(prefix):
    """A name that no other test uses."""
    return f"{prefix}-py-{next(names)}"


def setUpModule():
    server = Server(os.environ["POGU"], PORT, CONFIG).__enter__()

    def end():
        server.__exit__()
        assert server.status == 0, server.status

    unittest.addModuleCleanup(end)


class Ears(stomp.ConnectionListener):
    """What arrives, each kind in its order."""

    def __init__(self):
        self.messages, self.receipts, self.errors = queue.Queue(), queue.Queue(), queue.Queue()
        self.is_gone = threading.Event()
        self.beats = 0

    def on_message(self, frame):
        self.messages.put(frame)

    def on_receipt(self, frame):
        self.receipts.put(frame.headers["receipt-id"])

    def on_error(self, frame):
        self.errors.put(frame)

    def on_heartbeat(self):
        self.beats += 1

    def on_disconnected(self):
        self.is_gone.set()


class Client:
    """A connection with its ears; every wait of it has an end."""

    def __init__(self, connection, **headers):
        self.connection, self.ears = connection, Ears()
        connection.set_listener("ears", self.ears)
        connection.connect("guest", "guest", wait=True, headers=headers)

    def done(self, what, act):
        """Does something with a receipt asked for, and waits for that."""
        wanted = fresh("receipt")
        act(wanted)
        got = self.take(self.ears.receipts, f"the receipt of {what}")
        assert got == wanted, (got, wanted)

    def send(self, destination, body, **headers):
        self.done(f"SEND {destination}", lambda receipt: self.connection.send(destination, body, receipt=receipt, **headers))

    def subscribe(self, destination, **headers):
        subscription = fresh("subscription")
        act = lambda receipt: self.connection.subscribe(destination, subscription, receipt=receipt, **headers)
        self.done(f"SUBSCRIBE {destination}", act)
        return subscription

    def message(self, seconds=WAIT_SECONDS):
        return self.take(self.ears.messages, "a message", seconds)

    def bodies(self, count):
        return [self.message().body.decode() for _ in range(count)]

    def take(self, arrivals, what, seconds=WAIT_SECONDS):
        try:
            return arrivals.get(timeout=seconds)
        except queue.Empty:
            error = None if self.ears.errors.empty() else self.ears.errors.get().body
            raise AssertionError(f"{what}: not within {seconds} s; ERROR: {error}") from None

    def leave(self):
        """DISCONNECT, its receipt, and the end of the connection."""
        if not self.ears.is_gone.is_set():
            self.connection.disconnect()
        assert self.ears.is_gone.wait(WAIT_SECONDS), "the connection goes on"


class EveryVersion:
    """What holds in each version and on each carrier."""

    def enter(self, **options):
        client = Client(self.connection(auto_decode=False, **options))
        self.addCleanup(client.leave)
        return client

    def ack(self, client, frame, act="ack"):
        getattr(client.connection, act)(frame.headers["message-id"], frame.headers["subscription"])

    def left_in(self, destination):
        """What a queue has still, with whether it was delivered before."""
        client = self.enter()
        client.send(destination, "no more")
        client.subscribe(destination)
        frames = iter(client.message, None)
        found = itertools.takewhile(lambda frame: frame.body != b"no more", frames)
        return [(frame.body.decode(), frame.headers.get("redelivered") == "true") for frame in found]

    def test_bodies_come_out_as_they_went_in(self):
        publisher, subscriber = self.enter(), self.enter()
        for destination in (f"/topic/{fresh('bodies')}", f"/queue/{fresh('bodies')}"):
            subscriber.subscribe(destination)
            for name, body in BODIES.items():
                # A text message cannot have bytes that are no UTF-8.
                if self.is_text and name == "bytes":
                    continue
                publisher.send(destination, body, event="greet", kind="a b")
                frame = subscriber.message()
                self.assertEqual(frame.body, body, name)
                self.assertEqual(frame.headers["content-length"], str(len(body)))
                self.assertEqual(frame.headers["destination"], destination)
                self.assertEqual((frame.headers["event"], frame.headers["kind"]), ("greet", "a b"))

    def test_a_large_body(self):
        client, destination = self.enter(), f"/queue/{fresh('large')}"
        client.subscribe(destination)
        body = b"pogu" * (LARGE // 4)
        client.connection.send(destination, body)
        self.assertTrue(client.message(30).body == body, "the body has changed")

    def test_many_messages(self):
        publisher, subscriber = self.enter(), self.enter()
        destination = f"/queue/{fresh('many')}"
        subscriber.subscribe(destination)
        for number in range(MANY):
            publisher.connection.send(destination, str(number))
        self.assertEqual(subscriber.bodies(MANY), [str(number) for number in range(MANY)])

    def test_an_ack_is_for_all_before_it(self):
        client, destination = self.enter(), f"/queue/{fresh('acks')}"
        for body in "1234":
            client.send(destination, body)
        client.subscribe(destination, ack="client")
        frames = [client.message() for _ in range(4)]
        self.ack(client, frames[1])
        client.leave()
        self.assertEqual(self.left_in(destination), [("3", True), ("4", True)])

    def test_a_transaction_is_done_at_commit(self):
        client, destination = self.enter(), f"/topic/{fresh('bought')}"
        client.subscribe(destination)
        kept, dropped = client.connection.begin(), client.connection.begin()
        client.connection.send(destination, "kept", transaction=kept)
        client.connection.send(destination, "dropped", transaction=dropped)
        client.send(destination, "outside")
        client.connection.abort(dropped)
        client.done("COMMIT", lambda receipt: client.connection.commit(kept, receipt=receipt))
        self.assertEqual(client.bodies(2), ["outside", "kept"])
        self.assertTrue(client.ears.messages.empty())

    def test_acks_in_a_transaction(self):
        client, destination = self.enter(), f"/queue/{fresh('acks')}"
        for body in "123":
            client.send(destination, body)
        client.subscribe(destination, ack="client")
        frames = [client.message() for _ in range(3)]
        for frame, end in ((frames[0], client.connection.commit), (frames[1], client.connection.abort)):
            transaction = client.connection.begin()
            named = [frame.headers[name] for name in self.names]
            client.connection.ack(*named, transaction=transaction)
            end(transaction)
        client.leave()
        self.assertEqual(self.left_in(destination), [("2", True), ("3", True)])

    def test_unsubscribing(self):
        client, destination = self.enter(), f"/topic/{fresh('left')}"
        left, kept = client.subscribe(destination), client.subscribe(destination)
        client.done("UNSUBSCRIBE", lambda receipt: client.connection.unsubscribe(id=left, receipt=receipt))
        client.send(destination, "x")
        self.assertEqual(client.message().headers["subscription"], kept)
        self.assertTrue(client.ears.messages.empty())

    def test_a_wrong_destination_ends_the_connection(self):
        client = self.enter()
        client.connection.send("nowhere", "x", receipt="never")
        error = client.take(client.ears.errors, "ERROR")
        self.assertEqual(error.headers["receipt-id"], "never")
        self.assertIn(b"nowhere", error.body)
        self.assertTrue(client.ears.is_gone.wait(WAIT_SECONDS), "the connection goes on")

    def test_a_server_that_is_left_says_so(self):
        client = self.enter()
        client.connection.disconnect("bye")
        self.assertEqual(client.take(client.ears.receipts, "the receipt of DISCONNECT"), "bye")
        self.assertTrue(client.ears.is_gone.wait(WAIT_SECONDS), "the connection goes on")


class Since11(EveryVersion):
    """What 1.0 does not have."""

    def test_headers_are_escaped(self):
        client, destination = self.enter(), f"/topic/{fresh('escaped')}"
        client.subscribe(destination)
        odd = {"colon": "a:b", "line": "a\nb", "backslash": "C:\\new\\\\", "unicode": "글"} | self.odd
        client.send(destination, "x", **odd)
        headers = client.message().headers
        self.assertEqual({name: headers[name] for name in odd}, odd)

    def test_a_nack_gives_back(self):
        client, destination = self.enter(), f"/queue/{fresh('nacks')}"
        client.send(destination, "x")
        client.subscribe(destination, ack="client-individual")
        self.ack(client, client.message(), "nack")
        again = client.message()
        self.assertEqual(again.headers["redelivered"], "true")
        self.ack(client, again)
        client.leave()
        self.assertEqual(self.left_in(destination), [])

    def test_an_ack_for_one(self):
        client, destination = self.enter(), f"/queue/{fresh('acks')}"
        for body in "123":
            client.send(destination, body)
        client.subscribe(destination, ack="client-individual")
        frames = [client.message() for _ in range(3)]
        self.ack(client, frames[1])
        client.leave()
        self.assertEqual(self.left_in(destination), [("1", True), ("3", True)])

    def test_heart_beats(self):
        client = self.enter(heartbeats=(500, 500))
        time.sleep(1.7)
        self.assertGreaterEqual(client.ears.beats, 2)
        self.assertTrue(client.connection.is_connected())


class V10(EveryVersion, unittest.TestCase):
    is_text = False
    names = ["message-id"]

    def connection(self, **options):
        return stomp.StompConnection10([("127.0.0.1", PORT)], **options)

    def ack(self, client, frame):
        client.connection.ack(frame.headers["message-id"])

    def test_unsubscribing_by_destination(self):
        client, destination = self.enter(), f"/topic/{fresh('left')}"
        client.done("SUBSCRIBE", lambda receipt: client.connection.subscribe(destination, receipt=receipt))
        client.send(destination, "one")
        self.assertNotIn("subscription", client.message().headers)
        client.done("UNSUBSCRIBE", lambda receipt: client.connection.unsubscribe(destination, receipt=receipt))
        client.send(destination, "two")
        self.assertTrue(client.ears.messages.empty())


class V11(Since11, unittest.TestCase):
    is_text = False
    odd = {}
    names = ["message-id", "subscription"]

    def connection(self, **options):
        return stomp.StompConnection11([("127.0.0.1", PORT)], **options)


class V12(Since11, unittest.TestCase):
    is_text = False
    odd = {"return": "a\rb"}
    names = ["ack"]

    def connection(self, **options):
        return stomp.StompConnection12([("127.0.0.1", PORT)], **options)

    def ack(self, client, frame, act="ack"):
        getattr(client.connection, act)(frame.headers["ack"])


class V12OverWebSocket(V12):
    is_text = True

    def connection(self, **options):
        return WSStompConnection([("127.0.0.1", PORT)], ws_path="/stomp", binary_mode=not self.is_text, **options)


class V12OverBinaryWebSocket(V12OverWebSocket):
    is_text = False


if __name__ == "__main__":
    unittest.main()
