"""The drivers' own parsers. A driver that cannot fail shows nothing."""

import json
import unittest

from examples import Expectation, blocks_of
from matrix import Body
from message import Message, from_json, from_pogu, from_poll, from_text

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
        self.assertEqual(from_json(line), Message(body, "application/json"))
        answer = '{"messages":[%s,%s],"next":"k-2","gap":false}' % (line, line)
        self.assertEqual(from_poll(answer), ([Message(body, "application/json")] * 2, "k-2"))

    def test_json_has_strings_for_text_and_base64_for_bytes(self):
        line = json.dumps({"type": "text/plain", "data": "a\n글"})
        self.assertEqual(from_json(line), Message("a\n글".encode(), "text/plain"))
        line = json.dumps({"type": "image/png", "base64": "AP8="})
        self.assertEqual(from_json(line), Message(b"\x00\xff", "image/png"))

    def test_a_data_url_is_bytes(self):
        self.assertEqual(from_text("data:image/png;base64,AP8="), Message(b"\x00\xff", "image/png"))
        self.assertEqual(from_text("data: none"), Message(b"data: none"))

    def test_pogu_answers(self):
        self.assertIsNone(from_pogu(b"OK seq=1"))
        self.assertEqual(from_pogu(b"MSG a cursor=k-1 :b :c"), Message(b"b :c", "text/plain"))
        self.assertEqual(from_pogu(b"MSG a cursor=k-1 type=a%20b len=2 :\n\n"), Message(b"\n\n", "a b"))
        self.assertRaises(AssertionError, from_pogu, b"GAP a :1 message is gone")


if __name__ == "__main__":
    unittest.main()
