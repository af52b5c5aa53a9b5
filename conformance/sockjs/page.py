"""sockjs-client and stompjs over it in a page of headless Chromium: a stranger's page by each transport, and the server's own."""

from pages import Case, main

BUNDLES = ["sockjs-client/dist/sockjs.js", "@stomp/stompjs/bundles/stomp.umd.js"]
# Streams end often, so that the client asks for one after another.
SHORT = '[sockjs]\nresponse-limit = "4KiB"\n'
BEATS = '[sockjs]\nheartbeat = "300ms"\n'
COOKIE = "[sockjs]\ncookie = true\n"
LISTED = '[cors]\norigins = ["http://listed.example"]\n'

COMMON = """
    const TEXTS = ["hello", "", '"\\\\"', "100% %41 %0A +&=", "\\0\\r\\n\\x1f", "포구 — naïve 🚢", "\\u200c\\u2028\\ufff0", "</script>", "x".repeat(50_000)];
    const MANY = 1_000;
    const TRANSPORTS = ["websocket", "xhr-streaming", "eventsource", "iframe-eventsource", "iframe-htmlfile", "xhr-polling",
        "iframe-xhr-polling", "jsonp-polling"];
    let names = 0;
    // A script cannot be stopped. What it has for a client that is gone is for nobody, and not an error.
    window._jp = new Proxy({}, { get: (callbacks, name) => callbacks[name] ?? (() => {}) });

    async function open(path, transport) {
        const socket = new SockJS(HTTP + path, null, { transports: [transport], timeout: WAIT_MS });
        const heard = inbox(`messages by ${transport}`);
        socket.onmessage = ({ data }) => heard.put(data);
        socket.gone = new Promise((done) => (socket.onclose = done));
        const opened = new Promise((done) => (socket.onopen = done));
        const lost = socket.gone.then(({ code, reason }) => assert(false, `closed with ${code} ${reason}`));
        await within(Promise.race([opened, lost]), "open");
        assert(socket.transport === transport, socket.transport);
        socket.next = async () => (await heard.next())[0];
        socket.many = heard.next;
        return socket;
    }

    async function plain(transport) {
        const path = `/topics/page-${++names}`;
        const [one, other] = [await open(path + "?echo=0", transport), await open(path, transport)];
        for (const text of TEXTS) {
            one.send(text);
            const got = await other.next();
            assert(got === text, `${JSON.stringify(got.slice(0, 50))} for ${JSON.stringify(text.slice(0, 50))}`);
        }
        for (let at = 0; at < MANY; at++) one.send(`${at}`);
        const many = await other.many(MANY);
        assert(many.every((text, at) => text === `${at}`), "messages have moved");
        await fetch(HTTP + path, { method: "POST", body: Uint8Array.of(0, 255, 10), headers: { "Content-Type": "image/png" } });
        for (const socket of [one, other]) {
            const got = await socket.next();
            assert(got === "data:image/png;base64,AP8K", got);
        }
        other.send("back");
        assert((await one.next()) === "back", "the way back");
        one.close(3001, "enough");
        const { code, reason, wasClean } = await within(one.gone, "the end");
        assert(code === 3001 && reason === "enough" && wasClean, `closed with ${code} ${reason}`);
        other.close();
    }

    async function refused(transport) {
        const socket = await open("/pogu", transport);
        socket.send("QUIT");
        assert(/^BYE quit/.test(await socket.next()), "BYE");
        const { code, wasClean } = await within(socket.gone, "the end");
        assert(code === 1000 && wasClean, `closed with ${code}`);
    }

    function frameAt(url) {
        const frame = document.createElement("iframe"), heard = inbox("words of the iframe");
        const windowId = `w${++names}`;
        frame.src = `${HTTP}${url}#${windowId}`;
        window.addEventListener("message", (event) => event.source === frame.contentWindow && heard.put(JSON.parse(event.data)));
        document.body.appendChild(frame);
        const say = (type, data, id = windowId) => frame.contentWindow.postMessage(JSON.stringify({ windowId: id, type, data }), "*");
        return { say, next: async () => (await heard.next())[0] };
    }
    const beginning = (url, transport = "xhr-polling") => JSON.stringify(["1.6.1", transport, url, HTTP]);
    const asking = (url) => beginning(url, "iframe-info-receiver");
"""

STRANGER = """
    for (const transport of TRANSPORTS) {
        TESTS[transport] = () => plain(transport);
        TESTS[`${transport}: the server closes`] = () => refused(transport);
    }

    for (const transport of ["websocket", "xhr-streaming", "iframe-htmlfile", "jsonp-polling"]) {
        TESTS[`stompjs by ${transport}`] = async () => {
            const destination = `/topic/page-${++names}`;
            const webSocketFactory = () => new SockJS(HTTP + "/stomp", null, { transports: [transport], timeout: WAIT_MS });
            const client = new StompJs.Client({ webSocketFactory, reconnectDelay: 0 });
            const failed = new Promise((_, reject) => (client.onStompError = ({ body }) => reject(new Error(body))));
            const connected = new Promise((done) => (client.onConnect = done));
            client.activate();
            await within(Promise.race([connected, failed]), "CONNECTED");
            const heard = inbox("messages");
            client.subscribe(destination, (message) => heard.put(message));
            for (const body of TEXTS) {
                client.publish({ destination, body, headers: { mine: "a: b" } });
                const [message] = await heard.next();
                assert(message.body === body && message.headers.mine === "a: b", `${JSON.stringify(message.body.slice(0, 50))} has changed`);
            }
            await within(client.deactivate(), "the end");
        };
    }

    TESTS["the first transport of all"] = async () => {
        const socket = new SockJS(HTTP + "/pogu");
        await within(new Promise((done) => (socket.onopen = done)), "open");
        assert(socket.transport === "websocket", socket.transport);
        socket.close();
    };

    TESTS["no cookie, as nobody asked for one"] = async () => {
        assert(document.cookie === "", document.cookie);
        assert(!(await (await fetch(HTTP + "/pogu/info")).json()).cookie_needed, "a cookie is asked for");
    };

    TESTS["the iframe asks no other server and hears nobody else"] = async () => {
        const frame = frameAt("/pogu/iframe.html");
        assert((await frame.next()).type === "s", "it is there");
        frame.say("s", beginning(`${location.origin}/pogu/0/a`));
        frame.say("s", beginning(HTTP + "/pogu/0/b"), "another");
        for (const data of ["null", "[]", "x", 1]) frame.say("s", data);
        frame.say("nothing", null);
        frame.say("s", beginning(HTTP + "/pogu/0/c"));
        const { type, data } = await frame.next();
        assert(type === "t" && data === "o", `${type} ${data}`);
        frame.say("m", '"PING"');
        assert((await frame.next()).data === 'a["PONG"]', "the answer");
        frame.say("c", "");
    };

    TESTS["the iframe tells when there is no server"] = async () => {
        for (const transport of ["eventsource", "htmlfile", "xhr-polling"]) {
            const frame = frameAt("/pogu/iframe.html");
            await frame.next();
            frame.say("s", beginning(HTTP + "/nowhere/0/a", transport));
            const { type, data } = await frame.next();
            assert(type === "c" && JSON.parse(data)[0] === 1006, `${transport}: ${type} ${data}`);
        }
    };
"""

# Cookies know no ports, so that those of the server are the page's too.
COOKIES = """
    /** The cookie, after a connection that has sent and heard something. */
    async function cookieAfter(transport) {
        const socket = await open(`/topics/cookie-${++names}`, transport);
        socket.send("a message");
        assert((await socket.next()) === "a message", "its echo");
        socket.close();
        const [cookie, ...others] = await cookieStore.getAll();
        assert(others.length === 0, "more cookies than one");
        return cookie && `${cookie.name}=${cookie.value}${cookie.path}${cookie.expires === null ? "" : " kept"}`;
    }

    for (const transport of TRANSPORTS.filter((transport) => transport !== "websocket")) {
        TESTS[`${transport}: a cookie is set, sent back, and stays what it is`] = async () => {
            document.cookie = "JSESSIONID=; path=/; max-age=0";
            const first = await cookieAfter(transport);
            assert(first === "JSESSIONID=dummy/", `${first} is what has been set`);
            // What is set again has the life of a session, which tells it from what the page has set.
            document.cookie = "JSESSIONID=mine.of~the+page; path=/; max-age=1000";
            const second = await cookieAfter(transport);
            assert(second === "JSESSIONID=mine.of~the+page/", `${second} is what has come back`);
        };
    }

    TESTS["the client is told that there is a cookie, and is not given it for that"] = async () => {
        document.cookie = "JSESSIONID=; path=/; max-age=0";
        const { cookie_needed } = await (await fetch(HTTP + "/pogu/info", { credentials: "include" })).json();
        assert(cookie_needed === true, `cookie_needed is ${cookie_needed}`);
        await fetch(HTTP + "/pogu/iframe.html", { credentials: "include", mode: "no-cors" });
        assert(document.cookie === "", document.cookie);
    };
"""

# What an old browser is, whose pages can ask no other origin.
ASKS_NOBODY = """
    delete XMLHttpRequest.prototype.withCredentials;
    XMLHttpRequest.prototype.open = () => { throw new Error("a page that may not ask") };
"""

ASKING_BY_IFRAME = """
    for (const transport of ["websocket", "iframe-eventsource", "iframe-htmlfile", "iframe-xhr-polling", "jsonp-polling"]) {
        TESTS[`${transport}, of a page that asks by the iframe`] = () => refused(transport);
    }

    for (const transport of ["iframe-eventsource", "iframe-htmlfile", "iframe-xhr-polling", "jsonp-polling"]) {
        TESTS[`${transport}: heartbeats, and a session that is kept in silence`] = async () => {
            const socket = await open(`/topics/page-${++names}`, transport);
            const beats = inbox("heartbeats");
            socket.onheartbeat = (event) => beats.put(event);
            await beats.next(3);
            socket.send("after the silence");
            assert((await socket.next()) === "after the silence", "its echo");
            socket.close();
        };
    }

    TESTS["the iframe tells what its own endpoint is, and nothing else"] = async () => {
        const frame = frameAt("/pogu/iframe-1.6.1.html");
        assert((await frame.next()).type === "s", "it is there");
        const others = ["/healthz", "/pogu", "/pogu/", "/pogu/info/", "/pogu/info/../../topics/a"].map((path) => HTTP + path);
        for (const url of [`${location.origin}/pogu/info`, ...others]) frame.say("s", asking(url));
        frame.say("s", asking(HTTP + "/pogu/info?t=1"));
        const { type, data } = await frame.next();
        const [info, took] = JSON.parse(data);
        assert(type === "t" && info.websocket === true && info.origins[0] === "*:*" && took >= 0, `${type} ${data}`);
        frame.say("m", '"PING"');
        frame.say("c", "");
        frame.say("s", beginning(HTTP + "/pogu/0/d"));
        const next = await frame.next();
        assert(next.type === "t" && next.data === "o", `${next.type} ${next.data}`);
        frame.say("c", "");
    };

    TESTS["the iframe tells that its endpoint is none"] = async () => {
        const frame = frameAt("/topics/a/iframe.html");
        await frame.next();
        frame.say("s", asking(HTTP + "/topics/a/info?after=nonsense"));
        const { type, data } = await frame.next();
        assert(type === "t" && data === "[null,null]", `${type} ${data}`);
        const socket = new SockJS(HTTP + "/topics/a..b");
        const { code, reason } = await within(new Promise((done) => (socket.onclose = done)), "the end");
        assert(code === 1002 && reason === "Cannot connect to server", `closed with ${code} ${reason}`);
    };
"""

UNLISTED = """
    TESTS["the iframe does nothing for a page that is not on the list"] = async () => {
        const frame = frameAt("/pogu/iframe.html");
        assert((await frame.next()).type === "s", "it is there");
        frame.say("s", beginning(HTTP + "/pogu/0/a"));
        frame.say("s", asking(HTTP + "/pogu/info"));
        const silence = new Promise((done) => setTimeout(done, 500, "silence"));
        assert((await Promise.race([frame.next(), silence])) === "silence", "it has answered");
    };
"""

OWN = """
    for (const transport of ["websocket", "xhr-streaming", "eventsource", "htmlfile", "iframe-htmlfile", "xhr-polling"]) {
        TESTS[`${transport}, the server's own page`] = async () => {
            await plain(transport);
            await refused(transport);
        };
    }
"""

if __name__ == "__main__":
    stranger = Case(COMMON + STRANGER, SHORT)
    asking = Case(COMMON + ASKING_BY_IFRAME, BEATS, before=ASKS_NOBODY)
    cookies = Case(COMMON + COOKIES, COOKIE)
    unlisted = Case(COMMON + UNLISTED, LISTED)
    main(__doc__, BUNDLES, stranger, asking, cookies, unlisted, Case(COMMON + OWN, SHORT + LISTED, "/pogu/"))
