"use strict";
// stompjs 2, of 2013 and still in many pages: 1.0 and 1.1, over WebSocket with and without subprotocols and over bare TCP.
//
// It takes each piece that arrives for whole frames, acknowledges the last message of a piece in place of the others, ends bodies at NUL,
// escapes nothing and ignores binary messages; what it can do it has to be able to do here.

const assert = require("node:assert/strict");
const test = require("node:test");

const Stomp = require("stompjs");
const WebSocket = require("ws");

const { Inbox, SUBPROTOCOLS, fresh, pause, serve, within } = require("./harness");

const MANY = 1_000;

const server = serve();

const WAYS = {
    TCP: () => Stomp.overTCP("127.0.0.1", server.port),
    "WebSocket of the package `websocket`": () => Stomp.overWS(`ws://127.0.0.1:${server.port}/stomp`),
    "WebSocket of the package `ws`": () =>
        Stomp.over(new WebSocket(`ws://127.0.0.1:${server.port}/stomp/websocket`, SUBPROTOCOLS.slice(1))),
};
const VERSIONS = { "1.0": "1.0", 1.1: "1.1,1.0" };

/** A client that is connected; `client.failed` is kept for an ERROR or the end of its connection, whichever comes first. */
async function enter(t, way, accepted, { beats = 0, login = "guest" } = {}) {
    const client = WAYS[way]();
    client.heartbeat = { outgoing: beats, incoming: beats };
    Stomp.VERSIONS.supportedVersions = () => accepted;
    client.failures = [];
    const receipts = new Map();
    client.onreceipt = ({ headers }) => receipts.get(headers["receipt-id"])();
    client.done = (receipt) => within(new Promise((resolve) => receipts.set(receipt, resolve)), `receipt ${receipt}`);
    t.after(() => client.connected && client.disconnect());
    const greeted = new Promise((resolve, reject) => {
        client.failed = new Promise((fail) => {
            client.connect(login, "guest", resolve, (failure) => {
                client.failures.push(failure);
                fail(failure);
                reject(new Error(`${failure.body ?? failure}`));
            });
        });
    });
    client.greeting = await within(greeted, "CONNECTED");
    return client;
}

function subscribe(client, destination, headers = {}) {
    const inbox = new Inbox(destination);
    const receipt = fresh("subscribed");
    const subscribed = client.done(receipt);
    inbox.subscription = client.subscribe(destination, (message) => inbox.put(message), { receipt, ...headers });
    return subscribed.then(() => inbox);
}

for (const [way, [version, accepted]] of Object.keys(WAYS).flatMap((way) => Object.entries(VERSIONS).map((each) => [way, each]))) {
    const name = `${way}, ${version}`;

    test(`${name}: messages, in their order`, async (t) => {
        const [publisher, subscriber] = [await enter(t, way, accepted), await enter(t, way, accepted)];
        assert.equal(publisher.greeting.headers.version, version);
        const inbox = await subscribe(subscriber, `/topic/${fresh("many")}`);
        const bodies = ["글 🚢", "a\nb", '{"n": 1}', ...Array.from({ length: 100 }, (_, at) => `${at}`)];
        for (const body of bodies) publisher.send(inbox.name, { event: "tick", from: "an old friend" }, body);
        const messages = await inbox.take(bodies.length);
        assert.deepEqual(messages.map(({ body }) => body), bodies);
        for (const { headers } of messages) {
            assert.equal(headers.event, "tick");
            assert.equal(headers.from, "an old friend");
            assert.equal(headers.subscription, inbox.subscription.id);
        }
        inbox.subscription.unsubscribe();
        publisher.disconnect();
    });

    test(`${name}: cumulative ACK`, async (t) => {
        const [client, queue] = [await enter(t, way, accepted), `/queue/${fresh("acks")}`];
        for (const body of ["1", "2", "3"]) client.send(queue, {}, body);
        const inbox = await subscribe(client, queue, { ack: "client" });
        const [, { headers: second }] = await inbox.take(3);
        const receipt = fresh("acked");
        client.ack(second["message-id"], second.subscription, { receipt });
        await client.done(receipt);
        client.disconnect();
        const next = await subscribe(await enter(t, way, accepted), queue);
        const { body, headers } = await next.next();
        assert.deepEqual([body, headers.redelivered], ["3", "true"]);
    });

    test(`${name}: transactions`, async (t) => {
        const client = await enter(t, way, accepted);
        const inbox = await subscribe(client, `/topic/${fresh("bought")}`);
        const [kept, dropped] = [client.begin(), client.begin()];
        client.send(inbox.name, { transaction: kept.id }, "kept");
        client.send(inbox.name, { transaction: dropped.id }, "dropped");
        client.send(inbox.name, {}, "outside");
        dropped.abort();
        kept.commit();
        assert.deepEqual(await inbox.bodies(2), ["outside", "kept"]);
        client.send(inbox.name, {}, "last");
        assert.deepEqual(await inbox.bodies(1), ["last"]);
    });

    test(`${name}: ERROR, and the end`, async (t) => {
        const client = await enter(t, way, accepted);
        const closed = new Promise((resolve) => {
            const { onclose } = client.ws;
            client.ws.onclose = (event) => resolve(onclose(event));
        });
        client.send("/nowhere/at-all", { receipt: "never" }, "x");
        const error = await within(client.failed, "ERROR");
        assert.equal(error.command, "ERROR");
        assert.equal(error.headers["receipt-id"], "never");
        await within(closed, "the end of the connection");
    });
}

for (const way of Object.keys(WAYS)) {
    test(`${way}: NACK`, async (t) => {
        const [client, queue] = [await enter(t, way, VERSIONS[1.1]), `/queue/${fresh("nack")}`];
        client.send(queue, {}, "x");
        const inbox = await subscribe(client, queue, { ack: "client-individual" });
        (await inbox.next()).nack();
        const again = await inbox.next();
        assert.equal(again.headers.redelivered, "true");
        again.ack();
    });

    test(`${way}: heart-beats`, async (t) => {
        const client = await enter(t, way, VERSIONS[1.1], { beats: 500 });
        const before = client.serverActivity;
        await pause(2_200);
        assert.deepEqual(client.failures, []);
        assert.ok(client.serverActivity - before > 1_000, "heart-beats have arrived");
    });
}

for (const way of Object.keys(WAYS).slice(1)) {
    test(`${way}: ${MANY} messages`, async (t) => {
        const client = await enter(t, way, VERSIONS[1.1]);
        const inbox = await subscribe(client, `/queue/${fresh("many")}`);
        for (let at = 0; at < MANY; at++) client.send(inbox.name, {}, `${at}`);
        assert.deepEqual(await inbox.bodies(MANY), Array.from({ length: MANY }, (_, at) => `${at}`));
    });

    test(`${way}: a frame in pieces of 16 KiB`, async (t) => {
        const client = await enter(t, way, VERSIONS[1.1]);
        const inbox = await subscribe(client, `/topic/${fresh("large")}`);
        const body = "포구".repeat(100_000);
        client.send(inbox.name, {}, body);
        assert.ok((await inbox.next()).body === body, "the body has changed");
    });
}
