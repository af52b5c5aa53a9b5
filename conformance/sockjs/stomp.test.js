"use strict";
// stompjs 7 over sockjs-client at /stomp, as pages of Spring have it.

const assert = require("node:assert/strict");
const test = require("node:test");

const { Client } = require("@stomp/stompjs");

const { Inbox, WAYS, fresh, publish, serve, start, within } = require("./harness");

const server = serve();

/** A client that is connected. `client.failed` is its ERROR, `client.gone` the end of its connection. */
async function enter(t, way, options) {
    const client = new Client({
        webSocketFactory: () => start(t, server.port, "/stomp", way),
        reconnectDelay: 0,
        heartbeatIncoming: 0,
        heartbeatOutgoing: 0,
        ...options,
    });
    const connected = new Promise((resolve) => (client.onConnect = resolve));
    client.failed = new Promise((resolve) => (client.onStompError = resolve));
    client.gone = new Promise((resolve) => (client.onWebSocketClose = resolve));
    client.activate();
    t.after(() => within(client.deactivate(), "the client ends"));
    await within(connected, "CONNECTED");
    return client;
}

let receipts = 0;

/** Has the server say that a frame is done. */
function done(client, what, act) {
    const receipt = `receipt-${++receipts}`;
    const arrived = new Promise((resolve) => client.watchForReceipt(receipt, resolve));
    act({ receipt });
    return within(arrived, `the receipt of ${what}`);
}

async function subscribe(client, destination, headers) {
    const inbox = new Inbox(destination);
    await done(client, "SUBSCRIBE", (asking) => {
        client.subscribe(destination, (message) => inbox.put(message), { ...headers, ...asking });
    });
    return inbox;
}

for (const way of WAYS) {
    test(`${way}: topics, and other ways in them`, async (t) => {
        const topic = fresh("topic");
        const client = await enter(t, way);
        assert.equal(client.connectedVersion, "1.2");
        const inbox = await subscribe(client, `/topic/${topic}`);
        for (const body of ["hello", "", "포구 — naïve 🚢", "a\0b\0", "\r\n100%\n", "x".repeat(200_000)]) {
            client.publish({ destination: `/topic/${topic}`, body, headers: { mine: "a:b\\ \n" } });
            const message = await inbox.next();
            assert.ok(message.body === body, `${JSON.stringify(message.body.slice(0, 100))} has changed`);
            assert.equal(message.headers.mine, "a:b\\ \n");
        }
        await publish(server.port, topic, "by POST", { "Pogu-Event": "greet" });
        const message = await inbox.next();
        assert.deepEqual([message.body, message.headers.event], ["by POST", "greet"]);
    });

    test(`${way}: a thousand jobs, each acknowledged`, async (t) => {
        const queue = `/queue/${fresh("jobs")}`;
        const client = await enter(t, way);
        const wanted = Array.from({ length: 1_000 }, (_, at) => `${at}`);
        for (const body of wanted) client.publish({ destination: queue, body });
        const inbox = await subscribe(client, queue, { ack: "client-individual" });
        const jobs = await inbox.take(1_000);
        assert.deepEqual(jobs.map(({ body }) => body), wanted);
        for (const job of jobs.slice(0, -1)) job.ack();
        await done(client, "ACK", (asking) => jobs.at(-1).ack(asking));
        await within(client.deactivate(), "the client ends");
        const other = await enter(t, way);
        const rest = await subscribe(other, queue);
        other.publish({ destination: queue, body: "end" });
        assert.equal((await rest.next()).body, "end");
    });

    test(`${way}: heart-beats`, async (t) => {
        const beats = new Inbox("heart-beats");
        const onHeartbeatReceived = () => beats.put("");
        const client = await enter(t, way, { heartbeatIncoming: 1_000, heartbeatOutgoing: 1_000, onHeartbeatReceived });
        await beats.take(2);
        assert.equal(client.connected, true);
    });

    test(`${way}: a refusal is heard before the end`, async (t) => {
        const client = await enter(t, way);
        client.publish({ destination: "nowhere", body: "x" });
        const { headers, body } = await within(client.failed, "ERROR");
        assert.match(`${headers.message} ${body}`, /nowhere/);
        const { wasClean } = await within(client.gone, "the end of the connection");
        assert.equal(wasClean, true);
    });
}
