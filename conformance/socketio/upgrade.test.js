"use strict";
// The upgrade from polls to a WebSocket while events flow in both directions, buffers among them: none is lost, doubled or moved.

const assert = require("node:assert/strict");
const test = require("node:test");

const { Inbox } = require("../clients/harness");
const { WAYS, fresh, once, open, serve, start, upgraded, within } = require("./harness");

const SOCKETS = 10;
const AFTERWARDS = 50;

const server = serve();

/** All that a socket hears, each with the name of its event. */
function hear(socket) {
    const inbox = new Inbox(`the events of ${socket.nsp}`);
    socket.onAny((...event) => inbox.put(event));
    return inbox;
}

/** Emits numbers until it is told to end, the last in another event. */
async function count(who, socket, isOver) {
    let at = 0;
    for (; !isOver(); at++) {
        // Every third has a buffer, which must stay with its event.
        if (at % 3) socket.emit("n", who, at);
        else socket.emit("n", who, at, Buffer.from(`${at}`));
        if (at % 10 === 0) await new Promise(setImmediate);
        // No faster than they are taken.
        if (at % 50 === 0) await within(socket.emitWithAck("asked"), "an acknowledgement");
    }
    socket.emit("last", who, at);
}

/** What was heard of these senders: each from some time on, and then without a hole. */
async function check(inbox, ...senders) {
    const numbers = Object.fromEntries(senders.map((who) => [who, []]));
    const all = [];
    for (let ended = 0; ended < senders.length; ) {
        const [event, who, at, buffer] = await inbox.next();
        if (event === "asked") continue;
        ended += event === "last";
        const isBinary = event === "n" && at % 3 === 0;
        assert.equal(buffer?.toString(), isBinary ? `${at}` : undefined, "a buffer stays with its event");
        numbers[who].push(at);
        all.push(`${who} ${at}`);
    }
    for (const [who, heard] of Object.entries(numbers)) {
        assert.deepEqual(heard, heard.map((_, at) => heard[0] + at), `${inbox.name} heard of ${who}`);
    }
    inbox.isEmpty();
    return { numbers, all };
}

test("events flow while sockets upgrade", async (t) => {
    const namespace = `/${fresh("upgrade")}`;
    const steady = await open(t, server.port, namespace, WAYS.websocket);
    let areOpen = false;
    let more = AFTERWARDS;
    const isOver = () => areOpen && (more -= 1) < 0;
    const fromOne = hear(steady);
    const counting = count("steady", steady, isOver);
    const sockets = Array.from({ length: SOCKETS }, () => start(t, server.port, namespace, WAYS.upgrade));
    const inboxes = sockets.map(hear);
    const [one] = sockets;
    const both = Promise.all([counting, count("one", one, isOver)]);
    const areConnected = sockets.map(async (socket) => {
        await once(socket, "connect");
        await upgraded(socket);
    });
    await Promise.all(areConnected);
    areOpen = true;
    await both;
    const { numbers } = await check(fromOne, "one");
    assert.equal(numbers.one[0], 0, "what is emitted before the connection is heard too");
    await check(inboxes[0], "steady");
    const [{ all: first }, ...others] = await Promise.all(inboxes.slice(1).map((inbox) => check(inbox, "steady", "one")));
    for (const { all } of others) {
        const length = Math.min(all.length, first.length);
        assert.deepEqual(all.slice(-length), first.slice(-length), "all have one order");
    }
});
