"""The drivers' own parsers. A driver that cannot fail shows nothing."""

import json
import unittest

from examples import Expectation, blocks_of
from matrix import Body, Inbox
from message import EVENT, HEADERS, Message, from_json, from_pogu, from_poll, from_stomp, from_text, from_value
from publishers import ALL_OF_IT, NAMES, NOTHING

README = """# pogu

```sh
curl x
# → {"cursor":"…"}
# a comment
```

text

```js
// → one (1)
```
"""


class Examples(unittest.TestCase):
    def test_blocks_are_found_with_their_lines(self):
        found = [(block.line, block.language) for block in blocks_of(README)]
        self.assertEqual(found, [(3, "sh"), (11, "js")])

    def test_what_is_expected_must_come_and_in_order(self):
        [shell, script] = blocks_of(README)
        expectation = Expectation(shell)
        expectation.hear('{"cursor":"k3f-18"')
        self.assertRaises(AssertionError, expectation.check)
        expectation.hear('{"cursor":"k3f-18"}')
        expectation.check()
        expectation = Expectation(script)
        expectation.hear("one 1")
        self.assertRaises(AssertionError, expectation.check)
        expectation.hear("one (1)")
        expectation.check()


class Messages(unittest.TestCase):
    def test_json_keeps_the_text_of_json(self):
        body = Body("test", "json").bytes
        line = '{"topic":"a","cursor":"k-1","type":"application/json","data":%s}' % body.decode()
        message = Message(body, "application/json", event="", headers={})
        self.assertEqual(from_json(line), message)
        answer = '{"messages":[%s,%s],"next":"k-2","gap":false}' % (line, line)
        self.assertEqual(from_poll(answer), ([message] * 2, "k-2"))

    def test_json_has_strings_for_text_and_base64_for_bytes(self):
        line = json.dumps({"type": "text/plain", "event": "greet", "data": "a\n글"})
        self.assertEqual(from_json(line), Message("a\n글".encode(), "text/plain", event="greet", headers={}))
        line = json.dumps({"type": "image/png", "headers": {"a": ""}, "base64": "AP8="})
        self.assertEqual(from_json(line), Message(b"\x00\xff", "image/png", event="", headers={"a": ""}))

    def test_a_data_url_is_bytes(self):
        self.assertEqual(from_text("data:image/png;base64,AP8="), Message(b"\x00\xff", "image/png"))
        self.assertEqual(from_text("data: none", ""), Message(b"data: none", event=""))

    def test_pogu_answers(self):
        self.assertIsNone(from_pogu(b"OK seq=1"))
        self.assertEqual(from_pogu(b"MSG a cursor=k-1 :b :c"), Message(b"b :c", "text/plain", event=""))
        unit = b"MSG a cursor=k-1 event=greet type=a%20b len=2 :\n\n"
        self.assertEqual(from_pogu(unit), Message(b"\n\n", "a b", event="greet"))
        self.assertRaises(AssertionError, from_pogu, b"GAP a :1 message is gone")

    def test_stomp_has_headers_of_two_kinds(self):
        headers = {"destination": "/topic/a", "message-id": "k-1", "content-type": "a/b", "content-length": "1", "mine": "x"}
        self.assertEqual(from_stomp(headers, b"\0"), Message(b"\0", "a/b", event="", headers={"mine": "x"}))
        self.assertRaises(AssertionError, from_stomp, headers, b"\0\0")


    def test_what_was_parsed_is_compared_by_its_value(self):
        body = Body("test", "json")
        message = from_value("message", json.loads(body.bytes))
        self.assertEqual(message.event, "")
        self.assertTrue(body.is_in(message))
        self.assertFalse(body.is_in(from_value(EVENT, {"from": "test"})))
        self.assertFalse(body.is_in(Message(message.body, message.type)))
        self.assertFalse(Body("test", "text").is_in(message))
        self.assertEqual(from_value(EVENT, b"a"), Message(b"a", "application/octet-stream", event=EVENT))
        compact = Body("test", "compact").bytes
        self.assertEqual(json.dumps(json.loads(compact), separators=(",", ":")).encode(), compact)


class Faults(unittest.TestCase):
    def fault(self, says, **told):
        body = Body("test", "text")
        inbox = Inbox.__new__(Inbox)
        inbox.messages = [Message(body.bytes, **told)]
        return inbox.fault(body, says)

    def test_what_is_told_beside_the_body_is_what_was_said(self):
        self.assertIsNone(self.fault(NAMES, event=EVENT, headers={}))
        self.assertIsNone(self.fault(ALL_OF_IT, event=EVENT, headers=HEADERS))
        self.assertIsNone(self.fault(ALL_OF_IT))
        self.assertIn("event", self.fault(NAMES, event=""))
        self.assertIn("event", self.fault(NOTHING, event=EVENT))
        self.assertIn("headers", self.fault(ALL_OF_IT, headers={}))
        self.assertIn("json", self.fault(NOTHING, type="application/json"))


if __name__ == "__main__":
    unittest.main()
