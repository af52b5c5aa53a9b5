"""python-socketio, Python's usual client of Socket.IO: by polls, by a WebSocket, and from one to the other."""

import itertools
import os
import queue
import unittest
import urllib.request

import socketio

from server import Server, free_port

WAIT_SECONDS = 10
MANY = 500

PORT = free_port()
URL = f"http://127.0.0.1:{PORT}"
CONFIG = f'[[listen]]\naddress = "127.0.0.1:{PORT}"\n'

WAYS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}

names = itertools.count(1)


def setUpModule():
    server = Server(os.environ["POGU"], PORT, CONFIG).__enter__()

    def end():
        server.__exit__()
        assert server.status == 0, server.status

    unittest.addModuleCleanup(end)


class Client:
    """A client in one namespace, and what it hears."""

    def __init__(self, test, namespace, transports):
        self.namespace = namespace
        self.heard = queue.Queue()
        self.client = socketio.Client(reconnection=False)
        self.client.on("greet", lambda *args: self.heard.put(args), namespace=namespace)
        self.client.on("message", lambda *args: self.heard.put(args), namespace=namespace)
        self.client.connect(URL, transports=transports, namespaces=[namespace], wait_timeout=WAIT_SECONDS)
        test.addCleanup(self.client.disconnect)

    def ask(self, event, data):
        return self.client.call(event, data, namespace=self.namespace, timeout=WAIT_SECONDS)

    def next(self):
        return self.heard.get(timeout=WAIT_SECONDS)


class Clients(unittest.TestCase):
    def each_way(self):
        for way, transports in WAYS.items():
            with self.subTest(way):
                namespace = f"/py-{next(names)}"
                one, other = Client(self, namespace, transports), Client(self, namespace, transports)
                self.assertEqual(one.client.transport(), transports[-1])
                yield one, other

    def test_events_and_acknowledgements(self):
        for one, other in self.each_way():
            for data, heard in [("hello", ("hello",)), ({"a": [1, None]}, ({"a": [1, None]},)), (("a", 2, "포구"), ("a", 2, "포구"))]:
                self.assertRegex(one.ask("greet", data)["cursor"], r"^\w+-\d+$")
                self.assertEqual(other.next(), heard)

    def test_binary(self):
        for one, other in self.each_way():
            body = bytes(range(256)) * 100
            one.ask("greet", body)
            self.assertEqual(other.next(), (body,))
            one.ask("greet", {"parts": [body, b""]})
            self.assertEqual(other.next(), ({"parts": [body, b""]},))

    def test_order(self):
        for one, other in self.each_way():
            for number in range(MANY):
                one.client.emit("greet", number, namespace=one.namespace)
            self.assertEqual([other.next()[0] for _ in range(MANY)], list(range(MANY)))

    def test_a_post_is_heard(self):
        for one, other in self.each_way():
            urllib.request.urlopen(f"{URL}/topics{one.namespace}", b"by POST").read()
            self.assertEqual((one.next(), other.next()), (("by POST",), ("by POST",)))

    def test_the_root_reaches_all_topics(self):
        for transports in WAYS.values():
            topic = f"py.{next(names)}"
            root = Client(self, "/", transports)
            self.assertIn("cursor", root.ask("subscribe", topic))
            self.assertIn("error", root.ask("publish", ("a..b", "x")))
            urllib.request.urlopen(f"{URL}/topics/{topic}", b"hello").read()
            body, place = root.next()
            self.assertEqual((body, place["topic"]), ("hello", topic))

    def test_what_is_no_topic_is_refused(self):
        with self.assertRaises(socketio.exceptions.ConnectionError):
            Client(self, "/a..b", ["websocket"])


if __name__ == "__main__":
    unittest.main()
