"use strict";
// What the tests of Socket.IO clients share: connections that end with their test, what arrives at them, and a network that breaks.

const net = require("node:net");

const { io } = require("socket.io-client");

const { Inbox, freePort, fresh, pause, serve, within } = require("../clients/harness");

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

/** Publishes by POST, and tells the cursor. */
async function publish(port, topic, body, headers = {}) {
    const answer = await fetch(`http://127.0.0.1:${port}/topics/${topic}`, { method: "POST", body, headers });
    return (await answer.json()).cursor;
}

module.exports = { WAYS, back, freePort, fresh, inbox, io, network, once, open, pause, publish, serve, start, upgraded, within };
