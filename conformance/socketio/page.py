"""socket.io-client 4 in a page of headless Chromium, as a stranger's page would have it: each transport, binary, and the upgrade."""

from pages import Case, main

SCRIPT = """
    const WAYS = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };
    let names = 0;

    async function open(namespace, transports) {
        const socket = io(HTTP + namespace, { transports, forceNew: true });
        const failed = new Promise((_, reject) => socket.on("connect_error", reject));
        await within(Promise.race([new Promise((done) => socket.on("connect", done)), failed]), "connect");
        const { engine } = socket.io;
        if (transports.length > 1 && engine.transport.name !== "websocket") {
            await within(new Promise((done) => engine.once("upgrade", done)), "the upgrade");
        }
        return socket;
    }

    for (const [way, transports] of Object.entries(WAYS)) {
        TESTS[way] = async () => {
            const namespace = `/page-${++names}`;
            const [one, other] = [await open(namespace, transports), await open(namespace, transports)];
            assert(one.io.engine.transport.name === transports.at(-1), one.io.engine.transport.name);
            const heard = inbox("events");
            other.on("greet", (...args) => heard.put(args));
            const answer = await within(one.emitWithAck("greet", "hello", { a: [1] }), "the acknowledgement");
            assert(/^\\w+-\\d+$/.test(answer.cursor), JSON.stringify(answer));
            const [[text, json]] = await heard.next();
            assert(text === "hello" && json.a[0] === 1, "the arguments");
            await one.emitWithAck("greet", Uint8Array.of(0, 255, 7), new Blob(["blob"]));
            const [[bytes, blob]] = await heard.next();
            assert(new Uint8Array(bytes).join() === "0,255,7", "the bytes");
            assert(new TextDecoder().decode(blob) === "blob", "the blob");
            for (let at = 0; at < 500; at++) one.emit("greet", at);
            const many = await heard.next(500);
            assert(many.every(([number], at) => number === at), "events have moved");
            const byPost = inbox("messages");
            other.on("message", byPost.put);
            await fetch(HTTP + "/topics" + namespace, { method: "POST", body: "by POST" });
            assert((await byPost.next())[0] === "by POST", "the POST");
            one.disconnect();
            other.disconnect();
        };
    }
"""

if __name__ == "__main__":
    main(__doc__, ["socket.io-client/dist/socket.io.js"], Case(SCRIPT))
