"use strict";
// How connections end: a server that stops, addresses that are none, servers without WebSocket, and messages that are too long.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const test = require("node:test");

const { Inbox, WAYS, accepts, follow, freePort, fresh, open, pause, publish, serve, start, within } = require("./harness");

const server = serve(`
[sockjs]
websocket = false
heartbeat = "300ms"
[limits]
message = "64KiB"
`);

test("without WebSocket on the server the client takes the next transport by itself", async (t) => {
    const topic = fresh("chosen");
    const socket = await open(t, server.port, `/topics/${topic}`);
    assert.equal(socket.transport, "xhr-streaming");
    socket.send("hello");
    assert.equal(await socket.inbox.next(), "hello");
    const alone = start(t, server.port, `/topics/${topic}`, "websocket");
    const { code, reason } = await within(alone.gone, "the end");
    assert.deepEqual([code, reason], [2000, "All transports failed"]);
});

test("what is no topic is no server", async (t) => {
    for (const path of ["/topics/a..b", "/topics/a?after=nonsense", "/nowhere"]) {
        const { code, reason } = await within(start(t, server.port, path).gone, "the end");
        assert.deepEqual([code, reason], [1002, "Cannot connect to server"], path);
    }
});

for (const way of WAYS.slice(1)) {
    test(`${way}: heartbeats, and a session that is kept in silence`, async (t) => {
        const topic = fresh("beats");
        const socket = await open(t, server.port, `/topics/${topic}`, way);
        const beats = new Inbox("heartbeats");
        socket.onheartbeat = (event) => beats.put(event);
        await beats.take(3);
        await publish(server.port, topic, "after the silence");
        assert.equal(await socket.inbox.next(), "after the silence");
    });

    test(`${way}: a message that is too long ends the connection`, async (t) => {
        const topic = fresh("long");
        const socket = await open(t, server.port, `/topics/${topic}`, way);
        socket.send("x".repeat(64 * 1024));
        assert.equal((await socket.inbox.next()).length, 64 * 1024);
        socket.send("x".repeat(64 * 1024 + 1));
        const { code, wasClean } = await within(socket.gone, "the end");
        assert.deepEqual([code, wasClean], [1006, false]);
    });
}

test("a server that stops closes each connection with a frame, and its clients come back to the next one", async (t) => {
    const port = await freePort();
    const serveAgain = async () => {
        const process_ = spawn(process.env.POGU, ["serve", "--listen", `127.0.0.1:${port}`], { stdio: "ignore" });
        t.after(() => process_.kill("SIGKILL"));
        while (!(await accepts(port))) await pause(20);
        return process_;
    };
    const first = await within(serveAgain(), "the first server");
    const sockets = {};
    for (const way of WAYS) sockets[way] = await follow(t, port, "drain", undefined, way);
    const ended = new Promise((resolve) => first.once("exit", resolve));
    first.kill("SIGTERM");
    for (const [way, socket] of Object.entries(sockets)) {
        const { code, reason, wasClean } = await within(socket.gone, "the end of the connection");
        // Between two polls nobody is there to be told.
        if (way === "xhr-polling" && code === 1006) continue;
        assert.deepEqual([code, reason, wasClean], [1001, "the server is shutting down", true], way);
    }
    assert.equal(await within(ended, "the end of the server"), 0);
    const second = await within(serveAgain(), "the second server");
    for (const way of WAYS) {
        const socket = await follow(t, port, "drain", undefined, way);
        await publish(port, "drain", way);
        assert.equal((await socket.message()).body, way);
    }
    second.kill("SIGTERM");
});
