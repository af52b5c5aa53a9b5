"""socket.io-client in a page of headless Chromium, as a stranger's page would have it: each transport, binary, and the upgrade; of version
2 with JSONP too."""

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

OLD_SCRIPT = """
    const WAYS = {
        // It sends credentials where it is not told otherwise, which pages of other origins may not.
        "2, polling": { transports: ["polling"], withCredentials: false },
        "2, JSONP": { transports: ["polling"], forceJSONP: true },
        "2, websocket": { transports: ["websocket"] },
        "2, upgrade": { withCredentials: false },
    };
    const MANY = 50;
    let names = 0;

    async function open(namespace, options) {
        const socket = io(HTTP + namespace, { forceNew: true, ...options });
        const failed = new Promise((_, reject) => socket.on("connect_error", reject));
        await within(Promise.race([new Promise((done) => socket.on("connect", done)), failed]), "connect");
        return socket;
    }

    for (const [way, options] of Object.entries(WAYS)) {
        TESTS[way] = async () => {
            const namespace = `/old-page-${++names}`;
            const [one, other] = [await open(namespace, options), await open(namespace, options)];
            const heard = inbox("events");
            other.on("greet", (...args) => heard.put(args));
            const ask = (...args) => within(new Promise((done) => one.emit("greet", ...args, done)), "the acknowledgement");
            for (const args of [[], ["포구 🚢 \\u2028 \\\\n \\n \\" ' & + %"], [1.5, null, { a: [true] }]]) {
                assert((await ask(...args)).cursor, "an acknowledgement has a cursor");
                const [got] = await heard.next();
                assert(JSON.stringify(got) === JSON.stringify(args), JSON.stringify(got));
            }
            await ask(Uint8Array.of(0, 255, 7).buffer, { blob: new Blob(["blob"]) });
            const [[bytes, { blob }]] = await heard.next();
            // By JSONP it arrives as base64, and is a Blob where the client makes one of it.
            const text = async (data) => new Uint8Array(await new Response(data).arrayBuffer()).join();
            assert((await text(bytes)) === "0,255,7", "the bytes");
            assert((await text(blob)) === "98,108,111,98", "the blob");
            for (let at = 0; at < MANY; at++) one.emit("greet", at);
            const many = await heard.next(MANY);
            assert(many.every(([number], at) => number === at), "events have moved");
            one.disconnect();
            other.disconnect();
        };
    }

    TESTS["2, JSONP: what is no topic is refused"] = async () => {
        const socket = io(HTTP + "/a..b", { forceNew: true, ...WAYS["2, JSONP"] });
        const error = await within(new Promise((done) => socket.on("error", done)), "the refusal");
        assert(error === "Invalid namespace", error);
        socket.disconnect();
    };
"""

if __name__ == "__main__":
    main(
        __doc__,
        [],
        Case(SCRIPT, bundles=("socket.io-client/dist/socket.io.js",)),
        Case(OLD_SCRIPT, "[socketio]\nallow-eio3 = true\n", bundles=("socket.io-client-2/dist/socket.io.js",)),
    )
