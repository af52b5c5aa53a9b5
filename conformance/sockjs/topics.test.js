"use strict";
// sockjs-client at a topic: plain messages both ways, by each transport, and other ways in the same topic.

const assert = require("node:assert/strict");
const test = require("node:test");

const WebSocket = require("ws");

const { WAYS, fresh, open, publish, serve, within } = require("./harness");

// Streams end often, so that the client asks for one after another.
const server = serve(`
[sockjs]
response-limit = "4KiB"
`);

const MANY = 3_000;
const TEXTS = [
    "hello",
    "",
    " ",
    '"quoted" \\ and \\u0041',
    "100% %41 %0A %25 %",
    "\0\u0001\b\t\n\v\f\r\u001f\u007f\u0080\u009f",
    "포구 — naïve 🚢",
    "\u00ad\u0600\u0604\u070f\u17b4\u17b5\u200b\u200c\u200f\u2028\u2029\u202e\u2060\u206f\ufeff\ufff0\ufffd\uffff",
    "</script><!-- ]]>",
    "data: x\r\n\r\nid: 1",
    '["a","b"]',
    "c[3000,\"Go away!\"]",
    "x".repeat(100_000),
    "🚢\n".repeat(20_000),
];

for (const way of WAYS) {
    test(`${way}: every text arrives as it was sent`, async (t) => {
        const path = `/topics/${fresh("texts")}`;
        const [one, other] = [await open(t, server.port, path, way), await open(t, server.port, path, way)];
        assert.equal(one.transport, way);
        for (const text of TEXTS) {
            one.send(text);
            for (const socket of [one, other]) {
                const got = await socket.inbox.next();
                assert.ok(got === text, `${JSON.stringify(got.slice(0, 100))} for ${JSON.stringify(text.slice(0, 100))}`);
            }
        }
        for (const socket of [one, other]) socket.inbox.isEmpty();
    });

    test(`${way}: ${MANY} messages keep their order`, async (t) => {
        const path = `/topics/${fresh("many")}`;
        const [one, other] = [await open(t, server.port, `${path}?echo=0`, way), await open(t, server.port, path, way)];
        const wanted = Array.from({ length: MANY }, (_, at) => `${at}`);
        for (const text of wanted) one.send(text);
        assert.deepEqual(await other.inbox.take(MANY), wanted);
        other.send("end");
        for (const socket of [one, other]) assert.equal(await socket.inbox.next(), "end");
        for (const socket of [one, other]) socket.inbox.isEmpty();
    });

    test(`${way}: other ways meet in the same topic`, async (t) => {
        const topic = fresh("meet");
        const socket = await open(t, server.port, `/topics/${topic}`, way);
        const plain = new WebSocket(`ws://127.0.0.1:${server.port}/topics/${topic}?echo=0`);
        await within(new Promise((resolve) => plain.once("open", resolve)), "the WebSocket");
        const frame = within(new Promise((resolve) => plain.once("message", (...args) => resolve(args))), "a frame");
        socket.send("by SockJS");
        const [data, isBinary] = await frame;
        assert.deepEqual([data.toString(), isBinary], ["by SockJS", false]);
        assert.equal(await socket.inbox.next(), "by SockJS");
        plain.send("by WebSocket");
        assert.equal(await socket.inbox.next(), "by WebSocket");
        plain.send(Buffer.from([0, 255, 10]));
        assert.equal(await socket.inbox.next(), "data:application/octet-stream;base64,AP8K");
        plain.close();
        await publish(server.port, topic, '{"sum": 42}', { "Content-Type": "application/json" });
        assert.equal(await socket.inbox.next(), '{"sum": 42}');
        await publish(server.port, topic, Buffer.from([137, 80]), { "Content-Type": "image/png" });
        assert.equal(await socket.inbox.next(), "data:image/png;base64,iVA=");
        const answer = await fetch(`http://127.0.0.1:${server.port}/topics/${topic}?after=earliest`);
        assert.equal((await answer.json()).messages[0].data, "by SockJS");
    });

    test(`${way}: history comes first, then what is new`, async (t) => {
        const topic = fresh("history");
        const cursors = [];
        for (const body of ["one", "two", "three"]) cursors.push(await publish(server.port, topic, body));
        const socket = await open(t, server.port, `/topics/${topic}?after=${cursors[0]}`, way);
        await publish(server.port, topic, "four");
        assert.deepEqual(await socket.inbox.take(3), ["two", "three", "four"]);
    });

    test(`${way}: a client that closes is gone, and its session with it`, async (t) => {
        const topic = fresh("closed");
        const socket = await open(t, server.port, `/topics/${topic}`, way);
        socket.close(3001, "enough");
        const { code, reason, wasClean } = await within(socket.gone, "the end");
        assert.deepEqual([code, reason, wasClean], [3001, "enough", true]);
        await publish(server.port, topic, "unheard");
        const next = await open(t, server.port, `/topics/${topic}`, way);
        await publish(server.port, topic, "heard");
        assert.equal(await next.inbox.next(), "heard");
        socket.inbox.isEmpty();
    });
}
