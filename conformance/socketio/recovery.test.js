"use strict";
// Connections that break: recovery with nothing lost or doubled, and a server that goes and comes back.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const test = require("node:test");

const { WAYS, back, freePort, fresh, inbox, network, once, open, pause, publish, serve, within } = require("./harness");

const server = serve(`
[socketio]
recovery = "1m"
[[topics]]
pattern = "short.>"
history = 2
`);

for (const [way, options] of Object.entries(WAYS)) {
    test(`${way}: what was missed while the network was cut arrives once`, async (t) => {
        const line = await network(t, server.port);
        const topic = fresh("kept");
        const socket = await open(t, line.port, `/${topic}`, options);
        const heard = inbox(socket, "message");
        const first = socket.id;
        let count = 0;
        for (let round = 0; round < 3; round++) {
            for (let at = 0; at < 5; at++) await publish(server.port, topic, `${count++}`);
            const left = once(socket, "disconnect");
            line.cut();
            await left;
            for (let at = 0; at < 5; at++) await publish(server.port, topic, `${count++}`);
            const again = back(socket);
            line.mend();
            await again;
            assert.equal(socket.recovered, true, `round ${round}`);
            assert.equal(socket.id, first);
        }
        // With recovery each event ends in its offset.
        const messages = (await heard.take(count)).map((args) => (Array.isArray(args) ? args[0] : args));
        assert.deepEqual(messages, Array.from({ length: count }, (_, at) => `${at}`));
        await publish(server.port, topic, "end");
        assert.equal([await heard.next()].flat()[0], "end");
        heard.isEmpty();
    });

    test(`${way}: a session is recovered before its first event`, async (t) => {
        const line = await network(t, server.port);
        const topic = fresh("early");
        const socket = await open(t, line.port, `/${topic}`, options);
        const heard = inbox(socket, "message");
        const left = once(socket, "disconnect");
        line.cut();
        await left;
        await publish(server.port, topic, "missed");
        line.mend();
        await once(socket, "connect");
        assert.equal(socket.recovered, true);
        await publish(server.port, topic, "live");
        assert.deepEqual((await heard.take(2)).map((args) => [args].flat()[0]), ["missed", "live"]);
    });
}

for (const [way, options] of Object.entries(WAYS)) {
    test(`${way}: what was asked for in the root goes on over breaks, in one order`, async (t) => {
        const line = await network(t, server.port);
        const root = fresh("root");
        const socket = await open(t, line.port, "/", options);
        const heard = inbox(socket, "message");
        for (const pattern of [`${root}.a`, `${root}.b`, `${root}.c.*`]) {
            await within(socket.emitWithAck("subscribe", pattern), "subscribe");
        }
        // Where another session began nothing would come any more.
        socket.on("connect", () => assert.ok(socket.recovered));
        const topics = ["a", "b", "c.d", "unheard"].map((end) => `${root}.${end}`);
        const wanted = [];
        let count = 0;
        const say = async (many) => {
            for (let at = 0; at < many; at++) {
                const topic = topics[(count * 7) % 4];
                if (topic !== topics[3]) wanted.push(`${count}`);
                await publish(server.port, topic, `${count++}`);
            }
        };
        for (let round = 0; round < 5; round++) {
            await say(4);
            const left = once(socket, "disconnect");
            line.cut();
            await say(5);
            await left;
            const again = back(socket);
            line.mend();
            await say(4);
            await again;
        }
        assert.deepEqual((await heard.take(wanted.length)).map(([body]) => body), wanted);
        await publish(server.port, topics[0], "end");
        assert.equal((await heard.next())[0], "end");
    });
}

test("what history no longer has is no recovery", async (t) => {
    const line = await network(t, server.port);
    const topic = `short.${fresh("a")}`;
    const socket = await open(t, line.port, `/${topic}`, WAYS.websocket);
    const heard = inbox(socket, "message");
    await publish(server.port, topic, "0");
    await heard.next();
    const left = once(socket, "disconnect");
    line.cut();
    await left;
    for (let at = 1; at < 6; at++) await publish(server.port, topic, `${at}`);
    line.mend();
    await once(socket, "connect");
    assert.equal(socket.recovered, false);
});

test("a server that stops closes the engine, and its clients come back to the next one", async (t) => {
    const port = await freePort();
    const serveAgain = () => spawn(process.env.POGU, ["serve", "--listen", `127.0.0.1:${port}`], { stdio: "ignore" });
    const accepts = async () => {
        for (;;) {
            const isUp = await fetch(`http://127.0.0.1:${port}/healthz`).then((answer) => answer.ok, () => false);
            if (isUp) return;
            await pause(20);
        }
    };
    for (const options of Object.values(WAYS)) {
        const first = serveAgain();
        t.after(() => first.kill("SIGKILL"));
        await within(accepts(), "the first server");
        const socket = await open(t, port, "/drain", options);
        const left = once(socket, "disconnect");
        const ended = new Promise((resolve) => first.once("exit", resolve));
        first.kill("SIGTERM");
        const [reason] = await left;
        assert.match(reason, /^transport (close|error)$/, "not `io server disconnect`, after which a client stays away");
        assert.equal(await within(ended, "the end of the server"), 0);
        const second = serveAgain();
        t.after(() => second.kill("SIGKILL"));
        await once(socket, "connect");
        socket.disconnect();
        const gone = new Promise((resolve) => second.once("exit", resolve));
        second.kill("SIGTERM");
        await within(gone, "the end of the second server");
    }
});
