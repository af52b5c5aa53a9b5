"use strict";
// Queues: each message to one consumer, acknowledged or given back; temporary ones for answers; transactions.

const assert = require("node:assert/strict");
const test = require("node:test");

const { Inbox, Versions, WAYS, done, fresh, open, refused, send, serve, subscribe, within } = require("./harness");

const server = serve();

const bodies = (messages) => messages.map(({ body }) => body);

/** What is left in a queue, each with whether it was delivered before. A last message says that there is no more. */
async function leftIn(t, queue) {
    const client = await open(t, WAYS.TCP(server));
    await send(client, queue, "no more");
    const inbox = await subscribe(client, queue);
    const left = [];
    for (;;) {
        const { body, headers } = await inbox.next();
        if (body === "no more") break;
        left.push(headers.redelivered === "true" ? `${body} again` : body);
    }
    await within(client.deactivate(), "the end of the connection");
    return left;
}

for (const way of ["WebSocket, text", "TCP"]) {
    for (const version of ["1.1", "1.2"]) {
        const enter = (t) => open(t, { ...WAYS[way](server), stompVersions: new Versions([version]) });
        const name = `${way}, ${version}`;

        /** A queue of five messages and a consumer that has them. */
        const consume = async (t, headers) => {
            const queue = `/queue/${fresh("acks")}`;
            const client = await enter(t);
            for (const body of ["1", "2", "3", "4", "5"]) await send(client, queue, body);
            const inbox = await subscribe(client, queue, headers);
            return { queue, client, inbox, messages: await inbox.take(5) };
        };

        test(`${name}: auto`, async (t) => {
            const { queue, client, messages } = await consume(t, {});
            assert.deepEqual(bodies(messages), ["1", "2", "3", "4", "5"]);
            for (const { headers } of messages) assert.equal(headers.ack, undefined, "nothing to acknowledge");
            await client.deactivate();
            assert.deepEqual(await leftIn(t, queue), []);
        });

        test(`${name}: client, an ACK is for all before it too`, async (t) => {
            const { queue, client, messages } = await consume(t, { ack: "client" });
            messages[2].ack();
            await within(client.deactivate(), "the end of the connection");
            assert.deepEqual(await leftIn(t, queue), ["4 again", "5 again"]);
        });

        test(`${name}: client-individual, an ACK is for one`, async (t) => {
            const { queue, client, messages } = await consume(t, { ack: "client-individual" });
            messages[1].ack();
            await done(client, "ACK", (asking) => messages[3].ack(asking));
            // Not only DISCONNECT gives back: so does the loss of the connection.
            await within(client.deactivate({ force: true }), "the end of the connection");
            assert.deepEqual(await leftIn(t, queue), ["1 again", "3 again", "5 again"]);
        });

        test(`${name}: NACK gives back, to the same consumer if there is no other`, async (t) => {
            const { queue, client, inbox, messages } = await consume(t, { ack: "client-individual" });
            messages[0].nack();
            const again = await inbox.next();
            assert.equal(again.body, "1");
            assert.equal(again.headers.redelivered, "true");
            assert.notEqual(again.headers["message-id"], messages[0].headers["message-id"]);
            again.ack();
            for (const message of messages.slice(1)) message.ack();
            await within(client.deactivate(), "the end of the connection");
            assert.deepEqual(await leftIn(t, queue), []);
        });

        test(`${name}: NACK in client mode is for all before it too, in their order`, async (t) => {
            const { inbox, messages } = await consume(t, { ack: "client" });
            messages[2].nack();
            const again = await inbox.take(3);
            assert.deepEqual(bodies(again), ["1", "2", "3"]);
            for (const { headers } of again) assert.equal(headers.redelivered, "true");
        });

        test(`${name}: NACK with requeue:false gives up`, async (t) => {
            const { queue, client, messages } = await consume(t, { ack: "client-individual" });
            messages[0].nack({ requeue: "false" });
            for (const message of messages.slice(2)) message.ack();
            await within(client.deactivate(), "the end of the connection");
            assert.deepEqual(await leftIn(t, queue), ["2 again"]);
        });

        test(`${name}: UNSUBSCRIBE gives back`, async (t) => {
            const { queue, client, inbox, messages } = await consume(t, { ack: "client" });
            messages[0].ack();
            await done(client, "UNSUBSCRIBE", (asking) => inbox.subscription.unsubscribe(asking));
            assert.deepEqual(await leftIn(t, queue), ["2 again", "3 again", "4 again", "5 again"]);
        });

        test(`${name}: ACK and NACK in a transaction`, async (t) => {
            const { queue, client, messages } = await consume(t, { ack: "client-individual" });
            const kept = client.begin();
            messages[0].ack({ transaction: kept.id });
            messages[1].nack({ transaction: kept.id, requeue: "false" });
            const dropped = client.begin();
            messages[2].ack({ transaction: dropped.id });
            const lost = client.begin();
            messages[3].ack({ transaction: lost.id });
            kept.commit();
            dropped.abort();
            await within(client.deactivate(), "the end of the connection");
            assert.deepEqual(await leftIn(t, queue), ["3 again", "4 again", "5 again"]);
        });

        test(`${name}: acknowledging what was acknowledged already is harmless`, async (t) => {
            const { client, messages } = await consume(t, { ack: "client" });
            messages[4].ack();
            messages[4].ack();
            await done(client, "ACK", (asking) => messages[0].ack(asking));
        });

        test(`${name}: messages of a topic can be acknowledged in vain`, async (t) => {
            const client = await enter(t);
            const inbox = await subscribe(client, `/topic/${fresh("acked")}`, { ack: "client" });
            await send(client, inbox.name, "x");
            const message = await inbox.next();
            await done(client, "ACK", (asking) => message.ack(asking));
            await done(client, "NACK", (asking) => message.nack(asking));
        });
    }

    const enter = (t, options) => open(t, { ...WAYS[way](server), ...options });

    test(`${way}: a queue keeps what nobody consumes, in order`, async (t) => {
        const queue = `/queue/${fresh("kept")}`;
        const publisher = await enter(t);
        for (const body of ["1", "2", "3"]) await send(publisher, queue, body);
        await within(publisher.deactivate(), "the end of the connection");
        assert.deepEqual(await leftIn(t, queue), ["1", "2", "3"]);
    });

    test(`${way}: consumers take turns`, async (t) => {
        const queue = `/queue/${fresh("turns")}`;
        const clients = await Promise.all([1, 2, 3].map(() => enter(t)));
        const inboxes = await Promise.all(clients.map((client) => subscribe(client, queue)));
        for (let at = 0; at < 30; at++) await send(clients[0], queue, `${at}`);
        const shares = await Promise.all(inboxes.map((inbox) => inbox.bodies(10)));
        assert.deepEqual(shares.flat().map(Number).sort((a, b) => a - b), Array.from({ length: 30 }, (_, at) => at));
        for (const share of shares) assert.deepEqual(share, [...share].sort((a, b) => a - b), "each share is in order");
    });

    test(`${way}: prefetch-count`, async (t) => {
        const queue = `/queue/${fresh("prefetch")}`;
        const [slow, other] = [await enter(t), await enter(t)];
        const held = await subscribe(slow, queue, { ack: "client-individual", "prefetch-count": "2" });
        for (const body of ["1", "2", "3", "4"]) await send(other, queue, body);
        const [first] = await held.take(2);
        // The answer to this comes after all that the server has for it.
        await done(slow, "BEGIN", (asking) => slow.publish({ destination: `/topic/${queue.slice(7)}`, headers: asking }));
        held.isEmpty();
        first.ack();
        assert.equal((await held.next()).body, "3");
        const rest = await subscribe(other, queue);
        assert.equal((await rest.next()).body, "4");
    });

    test(`${way}: a consumer with a selector leaves the rest to others`, async (t) => {
        const queue = `/queue/${fresh("picked")}`;
        const client = await enter(t);
        const nets = await subscribe(client, queue, { selector: "kind = 'net'" });
        for (const [body, kind] of Object.entries({ 1: "boat", 2: "net", 3: "boat", 4: "net" })) {
            await send(client, queue, body, { kind });
        }
        assert.deepEqual(await nets.bodies(2), ["2", "4"]);
        assert.deepEqual(await leftIn(t, queue), ["1", "3"]);
    });

    test(`${way}: answers by reply-to and a temporary queue`, async (t) => {
        const service = await enter(t);
        const requests = await subscribe(service, `/queue/${fresh("service")}`);
        const ask = async (who) => {
            const client = await enter(t);
            const answers = new Inbox("/temp-queue/answers");
            // Nobody has subscribed: it is reply-to that asks for them.
            client.onUnhandledMessage = (message) => answers.put(message);
            await send(client, requests.name, who, { "reply-to": "/temp-queue/answers", "correlation-id": who });
            return answers;
        };
        const asking = [await ask("ann"), await ask("bob")];
        const [ann, bob] = await requests.take(2);
        assert.notEqual(ann.headers["reply-to"], bob.headers["reply-to"]);
        for (const { body, headers } of [bob, ann]) {
            const correlation = { "correlation-id": headers["correlation-id"] };
            await send(service, headers["reply-to"], `hello ${body}`, correlation);
        }
        for (const [at, who] of ["ann", "bob"].entries()) {
            const { body, headers } = await asking[at].next();
            assert.equal(body, `hello ${who}`);
            assert.equal(headers["correlation-id"], who);
            assert.equal(headers.destination, "/temp-queue/answers");
        }
    });

    test(`${way}: a temporary queue is its session's alone`, async (t) => {
        const [one, other] = [await enter(t), await enter(t)];
        const mine = await subscribe(one, "/temp-queue/mine");
        const theirs = await subscribe(other, "/temp-queue/mine");
        await send(other, "/temp-queue/mine", "for the other");
        await send(one, "/temp-queue/mine", "for the one");
        assert.deepEqual(await mine.bodies(1), ["for the one"]);
        assert.deepEqual(await theirs.bodies(1), ["for the other"]);
    });

    test(`${way}: what is sent in a transaction comes with COMMIT, all at once`, async (t) => {
        const root = fresh("bought");
        const [client, witness] = [await enter(t), await enter(t)];
        const topic = await subscribe(witness, `/topic/${root}`);
        const queue = await subscribe(witness, `/queue/${root}`);
        const transaction = client.begin();
        const receipts = [];
        client.onUnhandledReceipt = ({ headers }) => receipts.push(headers["receipt-id"]);
        const within_it = (asking) => ({ transaction: transaction.id, ...asking });
        client.publish({ destination: topic.name, body: "1", headers: within_it({ receipt: "first" }) });
        client.publish({ destination: queue.name, body: "2", headers: within_it({}) });
        client.publish({ destination: topic.name, body: "3", headers: within_it({ receipt: "last" }) });
        await send(client, topic.name, "outside");
        assert.deepEqual(receipts, [], "no receipt before COMMIT");
        const committed = new Promise((resolve) => client.watchForReceipt("last", resolve));
        transaction.commit();
        await within(committed, "the receipt of a SEND, with COMMIT");
        assert.deepEqual(receipts, ["first"]);
        assert.deepEqual(await topic.bodies(3), ["outside", "1", "3"]);
        const sent = await queue.next();
        assert.equal(sent.body, "2");
        assert.equal(sent.headers.transaction, undefined);
    });

    test(`${way}: ABORT, DISCONNECT and ERROR forget a transaction`, async (t) => {
        const destination = `/topic/${fresh("forgotten")}`;
        const witness = await enter(t);
        const inbox = await subscribe(witness, destination);
        const ends = [
            async (client, transaction) => transaction.abort(),
            async (client) => within(client.deactivate(), "the end of the connection"),
            async (client) => within(client.deactivate({ force: true }), "the end of the connection"),
            async (client) => refused(client, client.publish({ destination: "nowhere" })),
        ];
        for (const end of ends) {
            const client = await enter(t);
            const transaction = client.begin();
            client.publish({ destination, body: "forgotten", headers: { transaction: transaction.id } });
            await end(client, transaction);
        }
        await send(witness, destination, "seen");
        assert.deepEqual(await inbox.bodies(1), ["seen"]);
    });

    test(`${way}: a message that has expired is not delivered`, async (t) => {
        const queue = `/queue/${fresh("expired")}`;
        const client = await enter(t);
        await send(client, queue, "old", { expires: `${Date.now() - 1_000}` });
        await send(client, queue, "new", { expires: `${Date.now() + 60_000}` });
        await send(client, queue, "for ever", { expires: "0" });
        assert.deepEqual(await leftIn(t, queue), ["new", "for ever"]);
    });
}

test("1.0: an ACK is for all before it, by message-id alone", async (t) => {
    const queue = `/queue/${fresh("old")}`;
    const client = await open(t, { ...WAYS.TCP(server), stompVersions: new Versions(["1.0"]) });
    for (const body of ["1", "2", "3"]) await send(client, queue, body);
    const inbox = await subscribe(client, queue, { ack: "client" });
    (await inbox.take(3))[1].ack();
    await within(client.deactivate(), "the end of the connection");
    assert.deepEqual(await leftIn(t, queue), ["3 again"]);
});
