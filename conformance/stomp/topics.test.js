"use strict";
// Who receives what is sent to a topic: patterns, cursors, selectors, echoes, subscriptions that outlive their connection.

const assert = require("node:assert/strict");
const test = require("node:test");

const { WAYS, done, fresh, open, send, serve, subscribe } = require("./harness");

const server = serve();

for (const way of ["WebSocket, text", "TCP"]) {
    const enter = (t, options) => open(t, { ...WAYS[way](server), ...options });

    test(`${way}: patterns`, async (t) => {
        const root = fresh("patterns");
        const topics = [root, `${root}.a`, `${root}.b`, `${root}.a.b`, `${root}.a.b.c`, `other-${root}.a`];
        const cases = {
            [root]: [root],
            [`${root}.a`]: [`${root}.a`],
            [`${root}/a`]: [`${root}.a`],
            [`${root}.*`]: [`${root}.a`, `${root}.b`],
            [`*.a`]: [`${root}.a`, `other-${root}.a`],
            [`${root}.*.b`]: [`${root}.a.b`],
            [`${root}.>`]: [`${root}.a`, `${root}.b`, `${root}.a.b`, `${root}.a.b.c`],
            [`${root}.#`]: topics.slice(0, 5),
            [`${root}.a.*.>`]: [`${root}.a.b.c`],
            "#": topics,
        };
        const client = await enter(t);
        const publisher = await enter(t);
        const inboxes = [];
        for (const pattern of Object.keys(cases)) inboxes.push(await subscribe(client, `/topic/${pattern}`));
        const end = await subscribe(client, `/topic/end-${root}`);
        for (const topic of topics) publisher.publish({ destination: `/topic/${topic}`, body: topic });
        // One way leads to all of them: when the last message is there, so is all before it.
        await send(publisher, end.name, "the end");
        await end.next();
        for (const [at, [pattern, wanted]] of Object.entries(cases).entries()) {
            const got = inboxes[at].waiting.filter(({ body }) => topics.includes(body));
            assert.deepEqual(got.map(({ body }) => body), wanted, `/topic/${pattern}`);
            for (const { headers, body } of got) assert.equal(headers.destination, `/topic/${body}`);
        }
    });

    test(`${way}: every subscription has its copy, until UNSUBSCRIBE`, async (t) => {
        const destination = `/topic/${fresh("copies")}`;
        const client = await enter(t);
        const inboxes = [await subscribe(client, destination), await subscribe(client, destination)];
        await send(client, destination, "one");
        for (const inbox of inboxes) assert.equal((await inbox.next()).body, "one");
        inboxes[0].subscription.unsubscribe();
        await send(client, destination, "two");
        assert.equal((await inboxes[1].next()).body, "two");
        inboxes[0].isEmpty();
        const again = await subscribe(client, destination, { id: inboxes[0].subscription.id });
        await send(client, destination, "three");
        assert.deepEqual(await again.bodies(1), ["three"]);
    });

    test(`${way}: after a cursor, from the earliest, the last few`, async (t) => {
        const root = fresh("resumed");
        const [client, late] = [await enter(t), await enter(t)];
        const seen = await subscribe(client, `/topic/${root}.*`);
        for (const body of ["one", "two", "three", "four"]) await send(client, `/topic/${root}.${body}`, body);
        const { cursor } = (await seen.take(4))[1].headers;
        const cases = { [cursor]: ["three", "four"], earliest: ["one", "two", "three", "four"], "last:1": ["four"] };
        const inboxes = [];
        for (const after of Object.keys(cases)) inboxes.push(await subscribe(late, `/topic/${root}.>`, { after }));
        await send(client, `/topic/${root}.live`, "live");
        for (const [at, wanted] of Object.values(cases).entries()) {
            assert.deepEqual(await inboxes[at].bodies(wanted.length + 1), [...wanted, "live"]);
        }
    });

    test(`${way}: what history does not have any more is told`, async (t) => {
        const destination = `/topic/${fresh("gap")}`;
        const client = await enter(t);
        const seen = await subscribe(client, destination);
        for (let at = 0; at < 300; at++) client.publish({ destination, body: `${at}` });
        const { cursor } = (await seen.take(300))[0].headers;
        const inbox = await subscribe(client, destination, { after: cursor });
        const messages = await inbox.take(256);
        assert.equal(messages[0].body, "44");
        const { missed, gap } = messages[0].headers;
        assert.ok(Number(missed) > 0 || gap === "true", "the first message tells of those before it");
        for (const { headers } of messages.slice(1)) assert.ok(!headers.missed && !headers.gap, "told twice");
    });

    test(`${way}: no-echo`, async (t) => {
        const destination = `/topic/${fresh("echo")}`;
        const [client, other] = [await enter(t), await enter(t)];
        const [deaf, all] = [await subscribe(client, destination, { "no-echo": "true" }), await subscribe(client, destination)];
        await send(client, destination, "mine");
        await send(other, destination, "theirs");
        assert.deepEqual(await all.bodies(2), ["mine", "theirs"]);
        assert.deepEqual(await deaf.bodies(1), ["theirs"]);
    });

    test(`${way}: selectors`, async (t) => {
        const destination = `/topic/${fresh("selected")}`;
        const client = await enter(t);
        const goods = [
            { kind: "boat", price: "10", event: "sold" },
            { kind: "net", price: "9.5" },
            { kind: "boat", price: "200", event: "sold", name: "갈매기" },
            { price: "7" },
        ];
        const cases = {
            "kind = 'boat'": [0, 2],
            "price > 9.9": [0, 2],
            "price BETWEEN 9 AND 10": [0, 1],
            "kind IN ('net', 'rope') OR price < 8": [1, 3],
            "kind IS NULL": [3],
            "event = 'sold' AND NOT price = 10": [2],
            "kind LIKE 'b_a%'": [0, 2],
            "name = '갈매기'": [2],
        };
        const inboxes = [];
        for (const selector of Object.keys(cases)) inboxes.push(await subscribe(client, destination, { selector }));
        const all = await subscribe(client, destination);
        for (const [at, headers] of goods.entries()) await send(client, destination, `${at}`, headers);
        await all.take(goods.length);
        for (const [at, [selector, wanted]] of Object.entries(cases).entries()) {
            assert.deepEqual(inboxes[at].waiting.map(({ body }) => Number(body)), wanted, selector);
        }
    });

    test(`${way}: a durable subscription keeps what comes while its client is away`, async (t) => {
        const [root, id] = [fresh("kept"), fresh("news")];
        const connectHeaders = { "client-id": fresh("client") };
        const durable = { id, durable: "true" };
        const publisher = await enter(t);
        const publish = async (...bodies) => {
            for (const body of bodies) await send(publisher, `/topic/${root}.${body}`, body);
        };
        const follow = async (headers = durable) => {
            const client = await enter(t, { connectHeaders });
            return [client, await subscribe(client, `/topic/${root}.*`, headers)];
        };

        let [client, inbox] = await follow();
        await publish("one");
        assert.equal((await inbox.next()).body, "one");
        await client.deactivate();
        await publish("two", "three");
        [client, inbox] = await follow();
        await publish("four");
        const messages = await inbox.take(3);
        assert.deepEqual(messages.map(({ body }) => body), ["two", "three", "four"]);
        for (const { headers, body } of messages) {
            assert.equal(headers.destination, `/topic/${root}.${body}`);
            assert.equal(headers.subscription, id);
        }

        // UNSUBSCRIBE alone lets it be, `durable:true` ends it.
        await done(client, "UNSUBSCRIBE", (asking) => client.unsubscribe(id, asking));
        await publish("five");
        inbox = await subscribe(client, `/topic/${root}.*`, durable);
        assert.equal((await inbox.next()).body, "five");
        await done(client, "UNSUBSCRIBE", (asking) => client.unsubscribe(id, { durable: "true", ...asking }));
        await publish("six");
        inbox = await subscribe(client, `/topic/${root}.*`, durable);
        await publish("seven");
        assert.equal((await inbox.next()).body, "seven");
        await done(client, "UNSUBSCRIBE", (asking) => client.unsubscribe(id, { durable: "true", ...asking }));
    });

    test(`${way}: a durable subscription belongs to its client-id`, async (t) => {
        const [topic, id] = [`/topic/${fresh("own")}`, fresh("own")];
        const durable = { id, durable: "true", ack: "client" };
        const owner = await enter(t, { connectHeaders: { "client-id": fresh("owner") } });
        await subscribe(owner, topic, durable);
        await owner.deactivate();
        const stranger = await enter(t, { connectHeaders: { "client-id": fresh("stranger") } });
        await send(stranger, topic, "before");
        const inbox = await subscribe(stranger, topic, durable);
        await send(stranger, topic, "behind");
        assert.equal((await inbox.next()).body, "behind");
    });
}
