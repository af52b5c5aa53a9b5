"use strict";
// What the tests of sockjs-client share: connections that end with their test, and what arrives at them.

const assert = require("node:assert/strict");

const SockJS = require("sockjs-client");

const { Inbox, WAIT_MS, accepts, freePort, fresh, pause, serve, within } = require("../clients/harness");

/** The transports that the client has outside of a browser. */
const WAYS = ["websocket", "xhr-streaming", "eventsource", "xhr-polling"];

/**
 * A client that connects by one of these transports, or any. `socket.inbox` has its messages and `socket.gone` is kept for its end; a
 * client that waits longer for a transport than it would does not fall back for the load of the machine alone.
 */
function start(t, port, path, transports = WAYS, options = {}) {
    const socket = new SockJS(`http://127.0.0.1:${port}${path}`, null, { transports, timeout: WAIT_MS, ...options });
    socket.inbox = new Inbox(path);
    socket.addEventListener("message", ({ data }) => socket.inbox.put(data));
    socket.opened = new Promise((resolve) => socket.addEventListener("open", resolve));
    socket.gone = new Promise((resolve) => socket.addEventListener("close", resolve));
    t.after(async () => {
        socket.close();
        await within(socket.gone, "the end of the client");
    });
    return socket;
}

/** A client that is connected. */
async function open(t, port, path, transports, options) {
    const socket = start(t, port, path, transports, options);
    const lost = socket.gone.then(({ code, reason }) => {
        throw new Error(`${path}: the connection has ended (${code} ${reason})`);
    });
    // Mostly nobody waits for it.
    lost.catch(() => {});
    await within(Promise.race([socket.opened, lost]), `connect to ${path}`);
    return socket;
}

/** A client at `/pogu` that is subscribed, from behind the cursor if it has one; `socket.message()` waits for the next message. */
async function follow(t, port, topic, cursor, transports, options) {
    const socket = await open(t, port, "/pogu", transports, options);
    socket.send(`SUB ${topic}${cursor ? ` after=${cursor}` : ""}`);
    assert.match(await socket.inbox.next(), /^OK seq=1 cursor=\S+$/);
    socket.message = async () => messageOf(await socket.inbox.next());
    return socket;
}

/** The cursor and the body of a MSG. */
function messageOf(text) {
    const [, cursor, body] = text.match(/^MSG \S+ cursor=(\S+) (?:\S+=\S* )*:([^]*)$/) ?? assert.fail(`${text} is no message`);
    return { cursor, body };
}

/** Publishes by POST, and tells the cursor. */
async function publish(port, topic, body, headers = {}) {
    const answer = await fetch(`http://127.0.0.1:${port}/topics/${topic}`, { method: "POST", body, headers });
    return (await answer.json()).cursor;
}

module.exports = { Inbox, WAYS, accepts, follow, freePort, fresh, messageOf, open, pause, publish, serve, start, within };
