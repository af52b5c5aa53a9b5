"use strict";
// What the tests of Socket.IO clients share: connections that end with their test, what arrives at them, and a network that breaks.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const net = require("node:net");
const { after, before } = require("node:test");

const { io } = require("socket.io-client");

const { Inbox, accepts, freePort, fresh, pause, serve, within } = require("../clients/harness");

/** Each way in which a client rides. */
const WAYS = {
    polling: { transports: ["polling"] },
    websocket: { transports: ["websocket"] },
    upgrade: { transports: ["polling", "websocket"] },
};

/** A client that connects, with a connection of its own. */
function start(t, port, namespace, options, library = io) {
    const socket = library(`http://127.0.0.1:${port}${namespace}`, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options });
    t.after(() => socket.disconnect());
    return socket;
}

/** The next event of this name, and its arguments. */
function once(socket, event) {
    return within(new Promise((resolve) => socket.once(event, (...args) => resolve(args))), `the event ${event}`);
}

/** A client that is connected, and has gone over to a WebSocket if it is to. */
async function open(t, port, namespace, options = {}, library = io) {
    const socket = start(t, port, namespace, options, library);
    const refused = new Promise((_, reject) => socket.once("connect_error", (error) => reject(error)));
    await within(Promise.race([new Promise((resolve) => socket.once("connect", resolve)), refused]), `connect to ${namespace}`);
    if (options.transports?.length > 1) await upgraded(socket);
    return socket;
}

/** Waits until a client is on a WebSocket. */
async function upgraded(socket) {
    const { engine } = socket.io;
    if (engine.transport.name !== "websocket") await within(new Promise((resolve) => engine.once("upgrade", resolve)), "the upgrade");
}

/**
 * Waits until a client is connected again, and upgraded if that is its way. A network that is cut in the middle of an upgrade can leave a
 * client with its polls paused and without any connection, until it misses a heart-beat.
 */
async function back(socket) {
    await once(socket, "connect");
    if (socket.io.opts.transports?.length > 1) await upgraded(socket);
}

/** What arrives as this event: a message, or its arguments if there are several. */
function inbox(socket, event) {
    const inbox = new Inbox(event);
    socket.on(event, (...args) => inbox.put(args.length === 1 ? args[0] : args));
    return inbox;
}

/** The network between clients and a server, which can be cut: all connections break, and none come until it is mended. */
async function network(t, target) {
    const sockets = new Set();
    let isCut = false;
    const proxy = net.createServer((client) => {
        if (isCut) return client.destroy();
        const server = net.connect(target, "127.0.0.1");
        for (const [one, other] of [[client, server], [server, client]]) {
            sockets.add(one);
            one.on("error", () => {});
            one.on("close", () => {
                sockets.delete(one);
                other.destroy();
            });
            one.pipe(other);
        }
    });
    const port = await freePort();
    await new Promise((resolve) => proxy.listen(port, "127.0.0.1", resolve));
    t.after(() => {
        isCut = true;
        for (const socket of sockets) socket.destroy();
        proxy.close();
    });
    return {
        port,
        cut() {
            isCut = true;
            for (const socket of sockets) socket.destroy();
        },
        mend() {
            isCut = false;
        },
    };
}

/** The program that an environment variable names, an example of the library, on a `port` of its own for all tests of a file. */
function example(name) {
    const running = {};
    before(async () => {
        assert.ok(process.env[name], `${name} names no program`);
        running.port = await freePort();
        running.process = spawn(process.env[name], [`127.0.0.1:${running.port}`], { stdio: ["ignore", "ignore", "inherit"] });
        running.ended = new Promise((resolve) => running.process.once("exit", resolve));
        const listens = async () => {
            while (!(await accepts(running.port))) {
                assert.equal(running.process.exitCode, null, "the example has ended");
                await pause(20);
            }
        };
        await within(listens(), "the example listens");
    });
    after(async () => {
        running.process.kill("SIGINT");
        assert.equal(await within(running.ended, "the end of the example"), 0);
    });
    return running;
}

/** Emits an event, and gives back its acknowledgement. */
function ask(socket, ...event) {
    return within(socket.emitWithAck(...event), `the acknowledgement of ${event[0]}`);
}

/** Publishes by POST, and tells the cursor. */
async function publish(port, topic, body, headers = {}) {
    const answer = await fetch(`http://127.0.0.1:${port}/topics/${topic}`, { method: "POST", body, headers });
    return (await answer.json()).cursor;
}

module.exports = {
    Inbox,
    WAYS,
    ask,
    back,
    example,
    freePort,
    fresh,
    inbox,
    io,
    network,
    once,
    open,
    pause,
    publish,
    serve,
    start,
    upgraded,
    within,
};
