"use strict";
// sockjs-client through nginx: one that knows nothing of WebSockets, one that holds answers back, one that cuts what is idle for 10 s.

const assert = require("node:assert/strict");
const test = require("node:test");

const SockJS = require("sockjs-client");

const { WAYS, fresh, open, pause, publish, serve } = require("./harness");
const { proxies } = require("./nginx");
const { ride } = require("./numbers");

/** Longer than the proxy waits. */
const SILENCE_MS = 12_000;
/** More than the client would wait for a transport, so that one that works is not passed over on a slow machine. */
const PATIENT = { timeout: 1_500 };

const server = serve();
const lively = serve(`
[sockjs]
heartbeat = "3s"
`);
const nginx = proxies(server);
const livelyNginx = proxies(lively);

/** What the client finds by itself. */
const FOUND = { strips: "xhr-streaming", buffers: "xhr-polling", cuts: "websocket" };

async function finds(t, proxy) {
    const path = `/topics/${fresh("found")}`;
    const enter = (query) => open(t, nginx[proxy], path + query, WAYS, PATIENT);
    const [one, other] = await Promise.all([enter("?echo=0"), enter("")]);
    assert.deepEqual([one.transport, other.transport], [FOUND[proxy], FOUND[proxy]]);
    const wanted = Array.from({ length: 1_000 }, (_, at) => `${at} 포구`);
    for (const text of wanted) one.send(text);
    assert.deepEqual(await other.inbox.take(wanted.length), wanted);
    other.send("back");
    assert.equal(await one.inbox.next(), "back");
}

async function numbers() {
    const way = (proxy, ...transports) => ({
        name: `${transports} through the proxy that ${proxy}`,
        url: `http://127.0.0.1:${nginx[proxy]}`,
        transports,
        isCut: proxy === "cuts",
        // In node, not in browsers, the client does not see that a response of XHR breaks off.
        isBlind: transports[0] === "xhr-streaming",
    });
    const ways = [
        ...WAYS.map((transport) => way("cuts", transport)),
        way("strips", "websocket", "xhr-streaming"),
        ...WAYS.slice(1).map((transport) => way("strips", transport)),
        way("buffers", "websocket", "xhr-streaming", "xhr-polling"),
        way("buffers", "xhr-polling"),
    ];
    await ride(SockJS, `http://127.0.0.1:${server.port}`, "numbers", ways);
    assert.deepEqual([...nginx.cut()].sort(), ["eventsource", "websocket", "xhr", "xhr_streaming"]);
}

async function kept(t, transport) {
    const topic = fresh("lively");
    const socket = await open(t, livelyNginx.cuts, `/topics/${topic}`, transport);
    await pause(SILENCE_MS);
    await publish(lively.port, topic, "after the silence");
    assert.equal(await socket.inbox.next(), "after the silence");
}

test("proxies", { concurrency: true }, (t) => {
    const found = Object.keys(FOUND).map((proxy) => t.test(`by one that ${proxy} the client finds ${FOUND[proxy]}`, (t) => finds(t, proxy)));
    const heartbeats = WAYS.map((way) => t.test(`heartbeats keep a connection by ${way}`, (t) => kept(t, way)));
    return Promise.all([...found, ...heartbeats, t.test("whoever comes back with the cursor misses nothing and hears nothing twice", numbers)]);
});
