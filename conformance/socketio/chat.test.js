"use strict";
// The example `chat`: rooms, pictures, and a network that breaks.

const assert = require("node:assert/strict");
const { test } = require("node:test");

const { WAYS, ask, back, example, inbox, network, once, open, publish, start } = require("./harness");

const chat = example("CHAT");

const enter = (t, name, options = {}, port = chat.port) => open(t, port, "/chat", { auth: { name }, ...options });
/** What an event says, without the offset that recovery puts after it. */
const said = ([what, offset]) => (assert.match(offset, /^[0-9a-z]+-\d+$/), what);

for (const [way, options] of Object.entries(WAYS)) {
    test(`${way}: who is in a room hears what is said in it, and sees pictures`, async (t) => {
        const [kim, lee, out] = await Promise.all(["kim", "lee", "out"].map((name) => enter(t, `${way} ${name}`, options)));
        const room = `${way}-kitchen`;
        assert.deepEqual(await ask(kim, "enter", room), { entered: room });
        const entered = once(kim, "entered");
        await ask(lee, "enter", room);
        assert.equal(said(await entered), `${way} lee`);
        const [heard, shown, elsewhere] = [inbox(lee, "said"), inbox(lee, "picture"), inbox(out, "said")];
        kim.emit("say", room, "hello");
        assert.deepEqual(said(await heard.next()), [`${way} kim`, "hello"]);
        const picture = Buffer.from(Array.from({ length: 70_000 }, (_, at) => at % 251));
        assert.equal(await ask(kim, "picture", room, picture), picture.length);
        assert.deepEqual(said(await shown.next()), picture);
        assert.match((await ask(kim, "picture", room, "no bytes")).error, /a room and bytes/);
        assert.match((await ask(kim, "enter", "no room")).error, /./);
        // A room is a topic for all others.
        await publish(chat.port, `chat.${room}`, JSON.stringify(["curl", "hi"]), { "Pogu-Event": "said", "Content-Type": "application/json" });
        assert.deepEqual(said(await heard.next()), ["curl", "hi"]);
        lee.emit("leave", room);
        await ask(lee, "enter", `${room}.2`);
        kim.emit("say", room, "still there?");
        kim.emit("say", `${room}.2`, "and there?");
        assert.deepEqual(said(await heard.next()), [`${way} kim`, "and there?"]);
        elsewhere.isEmpty();
    });

    test(`${way}: a break of the network loses nothing, and questions end in their answer`, async (t) => {
        const line = await network(t, chat.port);
        const room = `${way}-hall`;
        const [kim, lee] = await Promise.all([enter(t, `${way} a`, options, line.port), enter(t, `${way} b`, options)]);
        await ask(kim, "enter", room);
        const heard = inbox(kim, "said");
        const { id } = kim;
        for (const round of [1, 2]) {
            const left = once(kim, "disconnect");
            line.cut();
            await left;
            lee.emit("say", room, `missed ${round}`);
            // Said in order, so that the first is there.
            await ask(lee, "picture", "nobody", Buffer.alloc(1));
            const again = back(kim);
            line.mend();
            await again;
            assert.deepEqual([kim.recovered, kim.id], [true, id]);
            assert.deepEqual(said(await heard.next()), [`${way} b`, `missed ${round}`]);
        }
        kim.on("are you there?", (name, acknowledge) => acknowledge(name === `${way} a`));
        const there = once(kim, "there");
        kim.emit("knock");
        assert.equal(said(await there), true);
    });
}

test("who shows no name, or another's, is refused", async (t) => {
    const [unnamed] = await once(start(t, chat.port, "/chat", {}), "connect_error");
    assert.deepEqual([unnamed.message, unnamed.data], ["what is your name?", { characters: [1, 20] }]);
    const park = await enter(t, "park");
    const [taken] = await once(start(t, chat.port, "/chat", { auth: { name: "park" } }), "connect_error");
    assert.deepEqual([taken.message, taken.data], ["somebody has this name", { name: "park" }]);
    const choi = await enter(t, "choi");
    const gone = once(choi, "gone");
    park.disconnect();
    assert.deepEqual(said(await gone), ["park", "client namespace disconnect"]);
    await enter(t, "park");
});
