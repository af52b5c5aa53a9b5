"use strict";
// sockjs-client through nginx: one that knows nothing of WebSockets, one that holds answers back, one that cuts what is idle.

const assert = require("node:assert/strict");
const test = require("node:test");

const { Inbox, WAYS, fresh, messageOf, open, pause, publish, serve, start } = require("./harness");
const { UPGRADE, proxy } = require("./nginx");

const IDLE_MS = 2_000;
/** More than the client would wait for a transport, so that one that works is not passed over on a slow machine. */
const PATIENT = { timeout: 1_500 };

const server = serve();
const lively = serve(`
[sockjs]
heartbeat = "500ms"
`);

const cutting = `${UPGRADE} proxy_read_timeout ${IDLE_MS}ms;`;
const PROXIES = {
    "as it comes": { nginx: proxy(server), transport: "xhr-streaming" },
    "that holds answers back": { nginx: proxy(server, "proxy_ignore_headers X-Accel-Buffering;"), transport: "xhr-polling" },
    "that lets WebSockets through": { nginx: proxy(server, UPGRADE), transport: "websocket" },
};
const short = proxy(server, cutting);
const shortButLively = proxy(lively, cutting);

for (const [what, { nginx, transport }] of Object.entries(PROXIES)) {
    test(`a proxy ${what}: the client finds ${transport} by itself`, async (t) => {
        const path = `/topics/${fresh("chosen")}`;
        const enter = (query) => open(t, nginx.port, path + query, WAYS, PATIENT);
        const [one, other] = await Promise.all([enter("?echo=0"), enter("")]);
        assert.deepEqual([one.transport, other.transport], [transport, transport]);
        const wanted = Array.from({ length: 1_000 }, (_, at) => `${at} 포구`);
        for (const text of wanted) one.send(text);
        assert.deepEqual(await other.inbox.take(wanted.length), wanted);
        other.send("back");
        assert.equal(await one.inbox.next(), "back");
    });
}

/** Follows a topic, and comes back with the cursor whenever the connection has ended. */
function steady(t, port, topic, way) {
    const follower = { inbox: new Inbox(`${topic} by ${way}`), connections: 0 };
    let isOver = false;
    t.after(() => (isOver = true));
    const connect = (cursor) => {
        const socket = start(t, port, "/pogu", way);
        let watch;
        const said = { open: () => socket.send(`SUB ${topic}${cursor ? ` after=${cursor}` : ""}`) };
        said.message = ({ data }) => {
            // In node, not in browsers, the client does not see that a response of XHR breaks off.
            clearTimeout(watch);
            if (way === "xhr-streaming") watch = setTimeout(() => socket.close(), IDLE_MS + 500);
            if (data.startsWith("OK seq=1 cursor=")) {
                cursor ??= data.slice("OK seq=1 cursor=".length);
                follower.connections++;
                return;
            }
            const message = messageOf(data);
            cursor = message.cursor;
            follower.inbox.put(message.body);
        };
        said.close = () => {
            clearTimeout(watch);
            if (!isOver) connect(cursor);
        };
        for (const [event, hear] of Object.entries(said)) socket.addEventListener(event, hear);
    };
    connect();
    return follower;
}

const RIDES = {
    "whoever comes back with the cursor misses nothing and hears nothing twice": async (t, way) => {
        const topic = fresh("idle");
        const follower = steady(t, short.port, topic, way);
        let count = 0;
        for (let round = 1; round <= 3; round++) {
            // A session of responses may outlive its responses.
            for (let waited = 0; waited < IDLE_MS + 1_000 && follower.connections < round; waited += 50) await pause(50);
            for (let at = 0; at < 10; at++) await publish(server.port, topic, `${count++}`);
        }
        assert.deepEqual(await follower.inbox.take(count), Array.from({ length: count }, (_, at) => `${at}`));
        await publish(server.port, topic, "end");
        assert.equal(await follower.inbox.next(), "end");
        if (way === "websocket") assert.ok(follower.connections > 1, "the proxy has cut nothing");
    },
    "heartbeats keep a connection": async (t, way) => {
        const topic = fresh("lively");
        const socket = await open(t, shortButLively.port, `/topics/${topic}`, way);
        await pause(2 * IDLE_MS);
        await publish(lively.port, topic, "after the silence");
        assert.equal(await socket.inbox.next(), "after the silence");
    },
};

test("a proxy that cuts what is idle", { concurrency: true }, (t) => {
    const rides = WAYS.flatMap((way) => Object.entries(RIDES).map(([what, ride]) => t.test(`${way}: ${what}`, (t) => ride(t, way))));
    return Promise.all(rides);
});
