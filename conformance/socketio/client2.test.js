"use strict";
// socket.io-client 2, of protocol 3, where it is allowed.

const assert = require("node:assert/strict");
const test = require("node:test");

const io2 = require("socket.io-client-2");

const { WAYS, fresh, inbox, open, publish, serve, start, once, within } = require("./harness");

const server = serve("[socketio]\nallow-eio3 = true\n");
const others = serve();

for (const [way, options] of Object.entries({ ...WAYS, "polling without bytes": { transports: ["polling"], forceBase64: true } })) {
    test(`${way}: events, acknowledgements, binary and namespaces`, async (t) => {
        const namespace = `/${fresh("old")}`;
        const [one, other] = [await open(t, server.port, namespace, options, io2), await open(t, server.port, namespace, options, io2)];
        const heard = inbox(other, "greet");
        for (const args of [["hello"], [{ a: 1 }], ["€𝄞", 2]]) {
            const answer = await within(new Promise((resolve) => one.emit("greet", ...args, resolve)), "the acknowledgement");
            assert.match(answer.cursor, /^\w+-\d+$/);
            assert.deepEqual(await heard.next(), args.length === 1 ? args[0] : args);
        }
        one.emit("greet", Buffer.from([0, 255, 7]));
        assert.deepEqual(Buffer.from(await heard.next()), Buffer.from([0, 255, 7]));
        const message = inbox(other, "message");
        await publish(server.port, namespace.slice(1), "by POST");
        assert.equal(await message.next(), "by POST");
    });
}

test("clients of both protocols meet", async (t) => {
    const namespace = `/${fresh("both")}`;
    const [old, recent] = [await open(t, server.port, namespace, {}, io2), await open(t, server.port, namespace)];
    const [atOld, atRecent] = [inbox(old, "hi"), inbox(recent, "hi")];
    old.emit("hi", "from 2");
    assert.equal(await atRecent.next(), "from 2");
    recent.emit("hi", "from 4");
    assert.equal(await atOld.next(), "from 4");
});

test("it is refused where it is not allowed", async (t) => {
    const socket = start(t, others.port, "/", { reconnection: false }, io2);
    const [error] = await once(socket, "connect_error");
    assert.ok(error);
});
