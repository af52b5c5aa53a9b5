"use strict";
// What a message carries comes out as it went in, whichever way either side is connected: bodies, types, headers, sizes, numbers.

const assert = require("node:assert/strict");
const test = require("node:test");

const { Versions, WAYS, fresh, open, send, serve, subscribe, tcp } = require("./harness");

const MIB = 1 << 20;
const TCP_BODY = 16 * MIB;
const MANY = 10_000;

const server = serve();
const large = serve(`[limits]\nmessage = "16MiB"\nmailbox = "64MiB"\n`);

/** Bytes of every value, NUL among them, in a pattern that no shift hides. */
const bytes = (length) => Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff);

const BODIES = {
    nothing: "",
    text: "hello",
    "line breaks": "\n\none\r\ntwo\n",
    unicode: "포구 — naïve 🚢 \u{10FFFF}",
    NUL: "a\0b\0\0",
    "what looks like a frame": "MESSAGE\ndestination:/topic/a\n\nx\0SEND\n\n\0",
    JSON: '{"a": [1, 2.50], "글": null}',
    bytes: bytes(1_000),
    "one NUL": new Uint8Array(1),
    "bytes that are no UTF-8": Uint8Array.of(0xff, 0xfe, 0x00, 0x80, 0xc3),
};

const asBytes = (body) => (typeof body === "string" ? new TextEncoder().encode(body) : body);

function assertSame(message, body, what) {
    const [got, wanted] = [Buffer.from(message.binaryBody), Buffer.from(asBytes(body))];
    assert.equal(got.length, wanted.length, `the length of ${what}`);
    assert.ok(got.equals(wanted), `${what} has changed`);
    assert.equal(message.headers["content-length"], String(wanted.length), `content-length of ${what}`);
}

const pairs = Object.keys(WAYS).flatMap((from) => Object.keys(WAYS).map((to) => [from, to]));

for (const [from, to] of pairs) {
    test(`${from} → ${to}: bodies`, async (t) => {
        const [publisher, subscriber] = await Promise.all([from, to].map((way) => open(t, WAYS[way](server))));
        for (const prefix of ["/topic", "/queue"]) {
            const destination = `${prefix}/${fresh("bodies")}`;
            const inbox = await subscribe(subscriber, destination);
            for (const [name, body] of Object.entries(BODIES)) {
                await send(publisher, destination, body);
                assertSame(await inbox.next(), body, `${name} by ${prefix}`);
            }
        }
    });
}

for (const version of ["1.0", "1.1", "1.2"]) {
    test(`${version}: headers`, async (t) => {
        // Neither stompjs nor what it escapes by can carry a backslash; before 1.2 it escapes nothing.
        const values = { plain: "a b", unicode: "글 🚢", empty: "", ...(version === "1.2" && { odd: "a:b\nc\rd:" }) };
        const [publisher, subscriber] = await Promise.all(
            ["1.2", version].map((each) => open(t, { ...WAYS["WebSocket, text"](server), stompVersions: new Versions([each]) })),
        );
        const destination = `/topic/${fresh("headers")}`;
        const inbox = await subscribe(subscriber, destination, { id: version === "1.2" ? "the:one" : "the one" });
        await send(publisher, destination, "x", { ...values, event: "greet", "content-type": "text/x-greeting" });
        const { headers } = await inbox.next();
        for (const [name, value] of Object.entries(values)) assert.equal(headers[name], value, name);
        assert.equal(headers.event, "greet");
        assert.equal(headers["content-type"], "text/x-greeting");
        assert.equal(headers.destination, destination);
        assert.equal(headers.subscription, inbox.subscription.id);
        assert.ok(headers["message-id"]);
        assert.ok(headers.cursor);
        assert.equal(headers.receipt, undefined, "what asks for a receipt is not passed on");
    });
}

test("what only the server may say is not taken from a client", async (t) => {
    const client = await open(t, WAYS.TCP(server));
    const inbox = await subscribe(client, "/topic/forged");
    const forged = { "message-id": "mine", subscription: "mine", ack: "mine", cursor: "mine", redelivered: "true", missed: "7" };
    await send(client, "/topic/forged", "x", forged);
    const { headers } = await inbox.next();
    for (const name of ["message-id", "subscription", "cursor"]) assert.notEqual(headers[name], "mine", name);
    for (const name of ["ack", "redelivered", "missed"]) assert.equal(headers[name], undefined, name);
});

for (const way of Object.keys(WAYS)) {
    test(`${way}: a body of 1 MiB, the largest`, async (t) => {
        const client = await open(t, WAYS[way](server));
        const inbox = await subscribe(client, `/topic/${fresh("large")}`);
        // Three bytes each, and one.
        const text = "글".repeat(MIB / 3) + "x";
        for (const [name, body] of Object.entries({ text, bytes: bytes(MIB) })) {
            await send(client, inbox.name, body);
            assertSame(await inbox.next(), body, `1 MiB of ${name}`);
        }
    });
}

test("TCP: a body of 16 MiB", async (t) => {
    const [publisher, subscriber] = await Promise.all([0, 1].map(() => open(t, { webSocketFactory: tcp(large) })));
    const body = bytes(TCP_BODY);
    const inbox = await subscribe(subscriber, "/topic/huge");
    publisher.publish({ destination: inbox.name, binaryBody: body });
    // It is the client that needs the time: it looks at each byte.
    assertSame(await inbox.next(40_000), body, "16 MiB");
});

for (const way of ["WebSocket, text", "WebSocket, binary", "TCP"]) {
    for (const prefix of ["/topic", "/queue"]) {
        test(`${way}: ${MANY} messages by ${prefix}, none lost and none moved`, async (t) => {
            const [publisher, subscriber] = await Promise.all([0, 1].map(() => open(t, WAYS[way](server))));
            const inbox = await subscribe(subscriber, `${prefix}/${fresh("many")}`);
            for (let at = 0; at < MANY; at++) publisher.publish({ destination: inbox.name, body: `${at}` });
            const messages = await inbox.take(MANY, 20_000);
            const moved = messages.findIndex((message, at) => message.body !== `${at}`);
            assert.equal(moved, -1, `in place of ${moved} there is ${messages[moved]?.body}`);
            assert.equal(new Set(messages.map((message) => message.headers["message-id"])).size, MANY);
        });
    }
}
