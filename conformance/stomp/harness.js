"use strict";
// What the tests of STOMP clients share: a server for each file, connections that end with their test, and waits that fail with
// what was awaited.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");
const { after, before } = require("node:test");

const { Client, Versions } = require("@stomp/stompjs");
const { TCPWrapper } = require("@stomp/tcp-wrapper");
const WebSocket = require("ws");

const WAIT_MS = 10_000;
const START_MS = 20_000;
const PAUSE_MS = 20;

/** The value of a promise, or an error that says what did not come in time. */
async function within(promise, what, ms = WAIT_MS) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * A server for all tests of a file, with these lines in its configuration. Once the tests run it has a `port` for every protocol and a
 * `stompPort` for STOMP alone.
 */
function serve(config = "") {
    const server = {};
    before(async () => {
        assert.ok(process.env.POGU, "POGU names no server");
        [server.port, server.stompPort] = [await freePort(), await freePort()];
        const listen = [
            `[[listen]]\naddress = "tcp://127.0.0.1:${server.port}"\n`,
            `[[listen]]\naddress = "tcp://127.0.0.1:${server.stompPort}"\nprotocol = "stomp"\n`,
        ];
        server.folder = fs.mkdtempSync(path.join(os.tmpdir(), "pogu-"));
        const file = path.join(server.folder, "pogu.toml");
        fs.writeFileSync(file, `${listen.join("")}${config}`);
        server.said = "";
        server.process = spawn(process.env.POGU, ["serve", "--config", file], { stdio: ["ignore", "pipe", "pipe"] });
        const hear = (text) => (server.said += text);
        server.process.stdout.on("data", hear);
        server.process.stderr.on("data", hear);
        await within(listening(server), "the server listens", START_MS);
    });
    after(async () => {
        const ended = new Promise((resolve) => server.process.once("exit", resolve));
        const status = server.process.exitCode ?? (server.process.kill("SIGTERM"), await within(ended, "the server ends"));
        fs.rmSync(server.folder, { recursive: true });
        assert.equal(status, 0, `the server ended with ${status}; it said:\n${server.said}`);
    });
    return server;
}

async function listening(server) {
    while (!(await accepts(server.port))) {
        assert.equal(server.process.exitCode, null, `the server ended; it said:\n${server.said}`);
        await pause(PAUSE_MS);
    }
}

function accepts(port) {
    return new Promise((resolve) => {
        const socket = net.connect(port, "127.0.0.1");
        socket.on("connect", () => resolve(true));
        socket.on("error", () => resolve(false));
        socket.on("close", () => socket.destroy());
        socket.on("connect", () => socket.end());
    });
}

/** A port that nobody uses now, below those that the system gives to clients. */
async function freePort() {
    for (let tries = 0; tries < 100; tries++) {
        const port = 20_000 + Math.floor(Math.random() * 10_000);
        const isFree = await new Promise((resolve) => {
            const listener = net.createServer();
            listener.on("error", () => resolve(false));
            listener.listen(port, "127.0.0.1", () => listener.close(() => resolve(true)));
        });
        if (isFree) return port;
    }
    throw new Error("no free port");
}

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

/** Messages in the order of their arrival. */
class Inbox {
    constructor(name) {
        this.name = name;
        this.waiting = [];
        this.taken = 0;
    }

    put(message) {
        this.waiting.push(message);
        this.wake?.();
    }

    async next(ms = WAIT_MS) {
        const [message] = await this.take(1, ms);
        return message;
    }

    /** The next so many messages. */
    async take(count, ms = WAIT_MS) {
        const what = () => `message ${this.taken + this.waiting.length + 1} of ${this.name} (awaiting ${count})`;
        const filled = (async () => {
            while (this.waiting.length < count) await new Promise((resolve) => (this.wake = resolve));
        })();
        try {
            await within(filled, "enough messages", ms);
        } catch {
            throw new Error(`${what()}: not within ${ms} ms`);
        }
        this.taken += count;
        return this.waiting.splice(0, count);
    }

    async bodies(count) {
        return (await this.take(count)).map((message) => message.body);
    }

    /** Nothing has arrived that was not taken. Call it once something later has arrived, or it shows nothing. */
    isEmpty() {
        const [message] = this.waiting;
        assert.equal(message, undefined, `${this.name} has ${message?.headers["message-id"]}: ${message?.body}`);
    }
}

let names = 0;

/** A name that no other test of the file uses. */
const fresh = (prefix) => `${prefix}-${++names}`;

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
