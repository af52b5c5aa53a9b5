"use strict";
// What cannot be done: one ERROR that says why and names the receipt, and the end of the connection.

const assert = require("node:assert/strict");
const test = require("node:test");

const { fresh, open, pause, refused, send, serve, subscribe, tcp, webSocket, within } = require("./harness");

const LARGEST = 64 * 1024;
const server = serve(`[limits]\nmessage = ${LARGEST}\n`);

const CARRIERS = { WebSocket: webSocket, TCP: tcp };

const publish = (destination, headers, body = "x") => (client, receipt) =>
    client.publish({ destination, body, headers: { ...receipt, ...headers } });
const follow = (destination, headers) => (client, receipt) =>
    client.subscribe(destination, () => {}, { ...receipt, ...headers });

/** What is done, and what its ERROR says. */
const CASES = {
    "SEND to nothing known": [publish("/exchange/x/y"), /\/exchange\/x\/y/],
    "SEND to no destination": [publish(""), /destination/],
    "SEND to a topic without a name": [publish("/topic/"), /./],
    "SEND to an empty token": [publish("/topic/a//b"), /./],
    "SEND to a pattern": [publish("/topic/a.*"), /./],
    "SEND to a topic of the server's": [publish("/topic/$sys.a"), /\$sys/],
    "SEND to a queue of the server's": [publish("/queue/$durable.a.b"), /\$durable/],
    "SEND in a transaction that has not begun": [publish("/topic/a", { transaction: "t" }), /`t`/],
    "SEND that expires at no time": [publish("/topic/a", { expires: "soon" }), /soon/],
    "SUBSCRIBE to nothing known": [follow("chat"), /chat/],
    "SUBSCRIBE to # within": [follow("/topic/a.#.b"), /#/],
    "SUBSCRIBE to a pattern of queues": [follow("/queue/*"), /./],
    "SUBSCRIBE to an answer's queue": [follow("/reply-queue/x.y"), /\/reply-queue/],
    "SUBSCRIBE with an unknown ack": [follow("/queue/a", { ack: "sometimes" }), /sometimes/],
    "SUBSCRIBE with half a selector": [follow("/topic/a", { selector: "price >" }), /./],
    "SUBSCRIBE after no cursor": [follow("/topic/a", { after: "yesterday" }), /cursor/],
    "SUBSCRIBE with prefetch-count 0": [follow("/queue/a", { "prefetch-count": "0" }), /prefetch-count/],
    "UNSUBSCRIBE of nothing": [(client, receipt) => client.unsubscribe("nothing", receipt), /`nothing`/],
    "ACK of nothing": [(client, receipt) => client.ack("nothing", "nothing", receipt), /`nothing`/],
    "NACK of nothing": [(client, receipt) => client.nack("nothing", "nothing", receipt), /`nothing`/],
    "COMMIT of nothing": [(client) => client.commit("nothing"), /`nothing`/],
    "ABORT of nothing": [(client) => client.abort("nothing"), /`nothing`/],
    "BEGIN twice": [(client) => [client.begin("t"), client.begin("t")], /`t`/],
    "SUBSCRIBE with an id that is taken": [
        (client, receipt) => [follow("/topic/a", { id: "one" })(client), follow("/topic/b", { id: "one" })(client, receipt)],
        /`one`/,
    ],
};

for (const [carrier, socket] of Object.entries(CARRIERS)) {
    for (const [name, [act, why]] of Object.entries(CASES)) {
        test(`${carrier}: ${name}`, async (t) => {
            const client = await open(t, { webSocketFactory: socket(server) });
            const asks = /BEGIN|COMMIT|ABORT/.test(name) ? {} : { receipt: "last" };
            act(client, asks);
            const error = await refused(client);
            assert.match(error.body, why);
            assert.equal(error.headers["receipt-id"], asks.receipt);
        });
    }

    test(`${carrier}: SEND of one byte more than the largest body`, async (t) => {
        const client = await open(t, { webSocketFactory: socket(server) });
        await send(client, "/topic/large", "x".repeat(LARGEST));
        client.publish({ destination: "/topic/large", body: "x".repeat(LARGEST + 1) });
        assert.match((await refused(client)).body, new RegExp(LARGEST));
    });

    test(`${carrier}: nothing after the frame that failed is done`, async (t) => {
        const destination = `/topic/${fresh("after")}`;
        const witness = await open(t, { webSocketFactory: socket(server) });
        const inbox = await subscribe(witness, destination);
        const client = await open(t, { webSocketFactory: socket(server) });
        client.publish({ destination, body: "before" });
        client.publish({ destination: "nowhere", body: "x" });
        client.publish({ destination, body: "behind" });
        await refused(client);
        await send(witness, destination, "last");
        assert.deepEqual(await inbox.bodies(2), ["before", "last"]);
    });
}

test("a WebSocket is closed in order", async (t) => {
    const client = await open(t, { webSocketFactory: webSocket(server) });
    client.publish({ destination: "nowhere", body: "x" });
    await refused(client);
    const { wasClean, code } = await client.gone;
    assert.deepEqual({ wasClean, code }, { wasClean: true, code: 1008 });
});

test("heart-beats keep an idle connection, both ways", async (t) => {
    for (const socket of Object.values(CARRIERS)) {
        let beats = 0;
        const options = { heartbeatIncoming: 500, heartbeatOutgoing: 500, onHeartbeatReceived: () => beats++ };
        const client = await open(t, { ...options, webSocketFactory: socket(server) });
        let isGone = false;
        client.gone.then(() => (isGone = true));
        await pause(2_500);
        assert.ok(beats >= 3, `${beats} heart-beats in 2.5 s`);
        assert.ok(!isGone, "the connection has ended");
    }
});

test("a client whose heart-beats stop is let go", async (t) => {
    for (const socket of Object.values(CARRIERS)) {
        const mute = () => {
            const carrier = socket(server)();
            const send = carrier.send.bind(carrier);
            carrier.send = (data) => data === "\n" || send(data);
            return carrier;
        };
        const client = await open(t, { heartbeatOutgoing: 500, webSocketFactory: mute });
        client.mayFail = true;
        await within(client.gone, "the end of a silent connection", 5_000);
        const error = await within(client.error, "ERROR");
        assert.equal(error.headers.message, "no heart-beat");
    }
});
