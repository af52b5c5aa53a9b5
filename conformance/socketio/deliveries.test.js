"use strict";
// The example `deliveries`: riders tell where they are by Socket.IO and by UDP, and the shop sees them move.

const assert = require("node:assert/strict");
const dgram = require("node:dgram");
const { test } = require("node:test");

const { Inbox, ask, example, once, open, start, within } = require("./harness");

const board = example("DELIVERIES");

const enter = (t, rider) => open(t, board.port, "/riders", { auth: { rider } });
const at = (rider, step) => ({ rider, lat: 35.1 + step / 1_000, lon: 129.04 });

/** All that a socket hears, each with the name of its event. */
function hear(socket) {
    const inbox = new Inbox("the events");
    socket.onAny((...event) => inbox.put(event));
    return inbox;
}

/** Says a command in a datagram, and gives back its answer. */
function say(t, command) {
    const socket = dgram.createSocket("udp4");
    t.after(() => socket.close());
    const answer = new Promise((resolve) => socket.once("message", (answer) => resolve(answer.toString())));
    socket.send(command, board.port, "127.0.0.1");
    return within(answer, `the answer to ${command}`);
}

test("the shop sees riders move", async (t) => {
    const shop = await enter(t, "shop");
    const seen = hear(shop);
    shop.emit("watch");
    assert.deepEqual(await seen.next(), ["watching", "riders"]);
    const stream = await fetch(`http://127.0.0.1:${board.port}/topics/riders`, { headers: { Accept: "text/event-stream" } });
    const kim = await enter(t, "kim");
    for (const step of [1, 2, 3]) {
        assert.deepEqual(await ask(kim, "position", at("kim", step)), { ok: true });
        assert.deepEqual(await seen.next(), ["position", at("kim", step)]);
        const answer = await say(t, `PUB riders event=position type=application/json :${JSON.stringify(at("lee", step))}`);
        assert.match(answer, /^OK /);
        assert.deepEqual(await seen.next(), ["position", at("lee", step)]);
    }
    assert.deepEqual(await ask(kim, "position", { rider: "kim", lat: 91, lon: 0 }), { error: "no such place" });
    assert.match((await ask(kim, "position", { rider: "kim" })).error, /lat/);
    seen.isEmpty();
    // So does whoever reads a stream.
    let text = "";
    const read = async () => {
        for await (const piece of stream.body.pipeThrough(new TextDecoderStream())) {
            text += piece;
            if (text.includes(JSON.stringify(at("lee", 3)))) return;
        }
    };
    await within(read(), "the stream");
    assert.equal(text.match(/event: ?position/g).length, 6);
});

test("a rider is offered an order, says whether it is free, and goes", async (t) => {
    const [shop, kim, lee] = await Promise.all(["shop", "kim", "lee"].map((rider) => enter(t, rider)));
    const [seen, other] = [shop, lee].map(hear);
    const offered = once(kim, "offer");
    shop.emit("offer", "kim", "42");
    assert.deepEqual(await offered, ["42"]);
    kim.on("free?", (_, acknowledge) => acknowledge(true));
    kim.emit("free?");
    const { id } = kim;
    assert.deepEqual(await seen.next(), ["free", true]);
    kim.disconnect();
    const gone = ["gone", [id, "client namespace disconnect"]];
    assert.deepEqual(await seen.next(), gone);
    assert.deepEqual(await other.take(2), [["free", true], gone]);
});

test("who does not say who they are is refused", async (t) => {
    const [error] = await once(start(t, board.port, "/riders"), "connect_error");
    assert.deepEqual([error.message, error.data], ["who are you?", { missing: "rider" }]);
});
