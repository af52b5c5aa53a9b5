"use strict";
// What the tests of STOMP clients share: connections that end with their test.

const assert = require("node:assert/strict");

const { Client, Versions } = require("@stomp/stompjs");
const { TCPWrapper } = require("@stomp/tcp-wrapper");
const WebSocket = require("ws");

const { Inbox, fresh, pause, serve, within } = require("../clients/harness");

const SUBPROTOCOLS = ["v12.stomp", "v11.stomp", "v10.stomp"];

/** A factory of sockets over WebSocket for stompjs 7. */
function webSocket(server, { path = "/stomp", protocols = SUBPROTOCOLS } = {}) {
    return () => new WebSocket(`ws://127.0.0.1:${server.port}${path}`, protocols);
}

/** A factory of sockets over TCP for stompjs 7. */
function tcp(server, port = server.port) {
    return () => new TCPWrapper("127.0.0.1", port);
}

/** Each way in which stompjs 7 carries frames. */
const WAYS = {
    "WebSocket, text": (server) => ({ webSocketFactory: webSocket(server) }),
    "WebSocket, binary": (server) => ({ webSocketFactory: webSocket(server), forceBinaryWSFrames: true }),
    "WebSocket, split": (server) => ({
        webSocketFactory: webSocket(server),
        splitLargeFrames: true,
        maxWebSocketChunkSize: 1_000,
    }),
    TCP: (server) => ({ webSocketFactory: tcp(server) }),
};

/**
 * A stompjs 7 client that connects. `client.greeted` is kept for its CONNECTED, `client.error` for its ERROR and `client.gone` for the
 * end of its socket; the test fails on an ERROR that it has not awaited with `refused`.
 */
function start(t, options) {
    const client = new Client({ reconnectDelay: 0, heartbeatIncoming: 0, heartbeatOutgoing: 0, ...options });
    let refusal;
    client.greeted = new Promise((resolve) => (client.onConnect = resolve));
    client.error = new Promise((resolve) => (client.onStompError = resolve)).then((frame) => (refusal = frame));
    client.gone = new Promise((resolve) => (client.onWebSocketClose = resolve));
    client.lost = client.gone.then(({ code }) => {
        throw new Error(`the connection has ended (${code}): ${client.fault ?? refusal?.body ?? "nothing was said"}`);
    });
    // Mostly nobody waits for it.
    client.lost.catch(() => {});
    client.onWebSocketError = (event) => (client.fault = event.message);
    t.after(async () => {
        if (client.active) await within(client.deactivate({ force: true }), "the client ends");
        if (refusal && !client.mayFail) assert.fail(`ERROR ${refusal.headers.message}: ${refusal.body}`);
    });
    client.activate();
    return client;
}

/** A stompjs 7 client that is connected. */
async function open(t, options) {
    const client = start(t, options);
    client.greeting = await within(Promise.race([client.greeted, client.lost]), "CONNECTED");
    return client;
}

/** Waits for ERROR and for the server to close; gives back the ERROR. */
async function refused(client) {
    client.mayFail = true;
    const error = await within(client.error, "ERROR");
    assert.ok(error.headers.message, "ERROR has a `message`");
    await within(client.gone, `the end of the connection after ERROR ${error.headers.message}`);
    return error;
}

let receipts = 0;

/** Has the server say that a frame is done; `send` is given the headers that ask for it. */
async function done(client, what, send) {
    const receipt = `receipt-${++receipts}`;
    const arrived = new Promise((resolve) => client.watchForReceipt(receipt, resolve));
    send({ receipt });
    await within(Promise.race([arrived, client.lost]), `the receipt of ${what}`);
}

/** A SUBSCRIBE that is done, and what it receives. */
async function subscribe(client, destination, headers = {}) {
    const inbox = new Inbox(destination);
    await done(client, `SUBSCRIBE ${destination}`, (asking) => {
        inbox.subscription = client.subscribe(destination, (message) => inbox.put(message), { ...headers, ...asking });
    });
    return inbox;
}

/** A SEND that is done. */
function send(client, destination, body, headers = {}) {
    const what = typeof body === "string" ? { body } : { binaryBody: body };
    return done(client, `SEND ${destination}`, (asking) =>
        client.publish({ destination, ...what, headers: { ...headers, ...asking } }),
    );
}

module.exports = {
    Inbox,
    SUBPROTOCOLS,
    Versions,
    WAYS,
    done,
    fresh,
    open,
    pause,
    refused,
    send,
    serve,
    start,
    subscribe,
    tcp,
    webSocket,
    within,
};
