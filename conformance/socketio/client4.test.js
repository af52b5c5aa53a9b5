"use strict";
// socket.io-client 4: each transport, namespaces, acknowledgements, binary, and other ways in the same topics.

const assert = require("node:assert/strict");
const test = require("node:test");

const WebSocket = require("ws");

const { WAYS, fresh, inbox, once, open, publish, serve, start, upgraded, within } = require("./harness");

const server = serve();

for (const [way, options] of Object.entries(WAYS)) {
    test(`${way}: events reach all others, with their arguments and acknowledgements`, async (t) => {
        const namespace = `/${fresh("chat")}`;
        const [one, other] = [await open(t, server.port, namespace, options), await open(t, server.port, namespace, options)];
        assert.equal(one.io.engine.transport.name, options.transports.at(-1));
        const heard = inbox(other, "greet");
        for (const args of [["hello"], [{ a: [1, null] }], ["a", 2, { b: "포구" }], [""], [true], [3.5]]) {
            const answer = await within(one.emitWithAck("greet", ...args), "the acknowledgement");
            assert.match(answer.cursor, /^\w+-\d+$/);
            assert.deepEqual(await heard.next(), args.length === 1 ? args[0] : args);
        }
    });

    test(`${way}: binary goes both ways, alone and within`, async (t) => {
        const namespace = `/${fresh("bytes")}`;
        const [one, other] = [await open(t, server.port, namespace, options), await open(t, server.port, namespace, options)];
        const heard = inbox(other, "blob");
        const bytes = Buffer.from([0, 255, 128, 10, 13]);
        await one.emitWithAck("blob", bytes);
        assert.deepEqual(Buffer.from(await heard.next()), bytes);
        await one.emitWithAck("blob", { name: "x", parts: [bytes, Buffer.alloc(100_000, 7)] }, "end");
        const [{ name, parts }, end] = await heard.next();
        assert.deepEqual([name, end, Buffer.from(parts[0]), parts[1].length], ["x", "end", bytes, 100_000]);
    });

    test(`${way}: a thousand events keep their order`, async (t) => {
        const namespace = `/${fresh("many")}`;
        const [one, other] = [await open(t, server.port, namespace, options), await open(t, server.port, namespace, options)];
        const heard = inbox(other, "n");
        for (let at = 0; at < 1_000; at++) one.emit("n", at);
        assert.deepEqual(await heard.take(1_000), Array.from({ length: 1_000 }, (_, at) => at));
    });

    test(`${way}: the root subscribes, publishes and unsubscribes`, async (t) => {
        const topic = fresh("orders");
        const socket = await open(t, server.port, "/", options);
        const heard = inbox(socket, "paid");
        assert.ok((await within(socket.emitWithAck("subscribe", `${topic}.*`), "subscribe")).cursor);
        const { cursor } = await within(socket.emitWithAck("publish", `${topic}.busan`, "hello"), "publish");
        assert.match(cursor, /^\w+-\d+$/);
        await publish(server.port, `${topic}.seoul`, '{"sum":42}', { "Content-Type": "application/json", "Pogu-Event": "paid" });
        const [body, place] = await heard.next();
        assert.deepEqual([body, place.topic], [{ sum: 42 }, `${topic}.seoul`]);
        await within(socket.emitWithAck("unsubscribe", `${topic}.*`), "unsubscribe");
        await publish(server.port, `${topic}.seoul`, "unheard", { "Pogu-Event": "paid" });
        const blobs = inbox(await open(t, server.port, `/${topic}.blobs`, options), "message");
        await within(socket.emitWithAck("publish", `${topic}.blobs`, { part: Buffer.from([1, 255]) }), "publish");
        assert.deepEqual(Buffer.from((await blobs.next()).part), Buffer.from([1, 255]));
        const refusal = await within(socket.emitWithAck("publish", "a..b", "x"), "the refusal");
        assert.ok(refusal.error, JSON.stringify(refusal));
        heard.isEmpty();
    });
}

test("an upgrade in mid-stream loses, doubles and moves nothing", async (t) => {
    const topic = fresh("stream");
    for (let round = 0; round < 5; round++) {
        const name = `${topic}-${round}`;
        const socket = start(t, server.port, `/${name}`, WAYS.upgrade);
        const heard = inbox(socket, "message");
        await once(socket, "connect");
        const publisher = new WebSocket(`ws://127.0.0.1:${server.port}/topics/${name}?echo=0`);
        await within(new Promise((resolve) => publisher.once("open", resolve)), "the publisher");
        let count = 0;
        const timer = setInterval(() => {
            for (let at = 0; at < 20; at++) publisher.send(`${count++}`);
        }, 1);
        await upgraded(socket);
        await heard.take(100);
        clearInterval(timer);
        const rest = await heard.take(count - 100);
        assert.deepEqual(rest, Array.from({ length: count - 100 }, (_, at) => `${at + 100}`));
        publisher.close();
        heard.isEmpty();
    }
});

test("several namespaces share a connection", async (t) => {
    const one = await open(t, server.port, "/", { forceNew: true });
    const [a, b] = ["/a", "/b"].map((name) => one.io.socket(name));
    // They connect by themselves; a second CONNECT would be against the protocol.
    await Promise.all([a, b].map((socket) => once(socket, "connect")));
    t.after(() => [a, b].forEach((socket) => socket.disconnect()));
    assert.notEqual(a.id, b.id);
    const [heardA, heardB] = [inbox(a, "message"), inbox(b, "message")];
    await publish(server.port, "b", "for b");
    await publish(server.port, "a", "for a");
    assert.equal(await heardA.next(), "for a");
    assert.equal(await heardB.next(), "for b");
    const left = once(a, "disconnect");
    a.disconnect();
    assert.deepEqual((await left)[0], "io client disconnect");
    await publish(server.port, "b", "again");
    assert.equal(await heardB.next(), "again");
});

test("a namespace that is no topic is refused", async (t) => {
    const socket = start(t, server.port, "/a..b", { auth: { token: "x" } });
    const [error] = await once(socket, "connect_error");
    assert.ok(error.message, "it says why");
    assert.equal(socket.active, false);
});

test("other ways meet in the same topic", async (t) => {
    const topic = fresh("meet");
    const socket = await open(t, server.port, `/${topic}`);
    const plain = new WebSocket(`ws://127.0.0.1:${server.port}/topics/${topic}`);
    await within(new Promise((resolve) => plain.once("open", resolve)), "the WebSocket");
    const frame = () => within(new Promise((resolve) => plain.once("message", (data, isBinary) => resolve([data.toString(), isBinary]))), "a frame");
    let heard = frame();
    socket.emit("msg", "text");
    assert.deepEqual(await heard, ["text", false]);
    heard = frame();
    socket.emit("msg", { json: true });
    assert.deepEqual(await heard, ['{"json":true}', false]);
    heard = frame();
    socket.emit("msg", Buffer.from("bytes"));
    assert.deepEqual(await heard, ["bytes", true]);
    const message = once(socket, "message");
    plain.send("from the WebSocket");
    assert.deepEqual(await message, ["from the WebSocket"]);
    plain.close();
});
