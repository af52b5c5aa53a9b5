"use strict";
// sockjs-client at /pogu: commands and their answers, one a message.

const assert = require("node:assert/strict");
const test = require("node:test");

const { WAYS, follow, fresh, open, publish, serve, within } = require("./harness");

const server = serve(`
[sockjs]
response-limit = "4KiB"
`);

for (const way of WAYS) {
    test(`${way}: commands are answered in their order`, async (t) => {
        const topic = fresh("said");
        const socket = await open(t, server.port, "/pogu", way);
        socket.send(`SUB ${topic}.* echo=0`);
        assert.match(await socket.inbox.next(), /^OK seq=1 cursor=\S+$/);
        socket.send(`PUB ${topic}.mine :unheard`);
        assert.match(await socket.inbox.next(), /^OK seq=2 cursor=\S+$/);
        socket.send("PUB a..b :x");
        assert.match(await socket.inbox.next(), /^ERR bad-topic seq=3 :/);
        await publish(server.port, `${topic}.theirs`, "포구\n\0", { "Pogu-Event": "paid" });
        const text = await socket.inbox.next();
        assert.ok(text.startsWith(`MSG ${topic}.theirs cursor=`) && text.includes(" event=paid ") && text.endsWith(" :포구\n\0"), text);
        socket.send(`UNSUB ${topic}.*`);
        assert.equal(await socket.inbox.next(), "OK seq=4");
        await publish(server.port, `${topic}.theirs`, "unheard");
        socket.send("PING");
        assert.equal(await socket.inbox.next(), "PONG");
        socket.send("QUIT");
        assert.match(await socket.inbox.next(), /^BYE quit/);
        const { code, wasClean } = await within(socket.gone, "the end");
        assert.deepEqual([code, wasClean], [1000, true]);
        socket.inbox.isEmpty();
    });

    test(`${way}: whoever comes back with a cursor misses nothing and hears nothing twice`, async (t) => {
        const topic = fresh("resumed");
        let [cursor, count] = [undefined, 0];
        const heard = [];
        for (let round = 0; round < 4; round++) {
            const socket = await follow(t, server.port, topic, cursor, way);
            for (let at = 0; at < 20; at++) await publish(server.port, topic, `${count++}`);
            // Some of what was sent is not looked at before the connection ends.
            while (heard.length < count - 7) {
                const message = await socket.message();
                heard.push(message.body);
                cursor = message.cursor;
            }
            socket.close();
            for (let at = 0; at < 5; at++) await publish(server.port, topic, `${count++}`);
        }
        const last = await follow(t, server.port, topic, cursor, way);
        while (heard.length < count) heard.push((await last.message()).body);
        assert.deepEqual(heard, Array.from({ length: count }, (_, at) => `${at}`));
        await publish(server.port, topic, "end");
        assert.equal((await last.message()).body, "end");
    });
}
