"""sockjs-client in a page of headless Chromium, through each of three proxies: what it finds by itself, and all of its transports."""

from pathlib import Path

from pages import Case, main

BUNDLES = ["sockjs-client/dist/sockjs.js", Path(__file__).with_name("numbers.js").resolve()]
# Streams end often.
SHORT = '[sockjs]\nresponse-limit = "4KiB"\n'

THROUGH_PROXIES = """
    const STREAMS = ["xhr-streaming", "eventsource", "iframe-eventsource", "iframe-htmlfile"];
    const POLLS = ["xhr-polling", "iframe-xhr-polling", "jsonp-polling"];
    const FOUND = { strips: STREAMS, buffers: POLLS, cuts: ["websocket"] };
    const MANY = 1_000;

    // A script cannot be stopped. What it has for a client that is gone is for nobody, and not an error.
    window._jp = new Proxy({}, { get: (callbacks, name) => callbacks[name] ?? (() => {}) });

    // All transports are cut; for the other proxies some will do. It mostly waits, and begins before the tests.
    const way = (proxy, ...transports) => ({
        name: `${transports} through the proxy that ${proxy}`,
        // A browser opens six connections to an address.
        url: `http://127.0.0.${POLLS.includes(transports[0]) ? 2 : 1}:${PROXIES[proxy]}`,
        transports,
        isCut: proxy === "cuts",
    });
    const riding = numbers.ride(SockJS, HTTP, "numbers", [
        ...["websocket", ...STREAMS, ...POLLS].map((transport) => way("cuts", transport)),
        way("strips", "websocket", "xhr-streaming"),
        ...["iframe-htmlfile", "xhr-polling", "jsonp-polling"].map((transport) => way("strips", transport)),
        ...POLLS.map((transport) => way("buffers", transport)),
    ]);
    riding.catch(() => {});

    for (const [proxy, found] of Object.entries(FOUND)) {
        TESTS[`through the proxy that ${proxy} the client finds its way`] = async () => {
            // It does not pass over a WebSocket because the machine is slow.
            const options = proxy === "cuts" ? { timeout: WAIT_MS } : {};
            const socket = new SockJS(`http://127.0.0.1:${PROXIES[proxy]}/topics/found-by-${proxy}`, null, options);
            const heard = inbox("echoes");
            socket.onmessage = ({ data }) => heard.put(data);
            await within(new Promise((done) => (socket.onopen = done)), "open");
            assert(found.includes(socket.transport), `it is ${socket.transport}`);
            for (let at = 0; at < MANY; at++) socket.send(`${at} 포구`);
            const echoes = await heard.next(MANY);
            assert(echoes.every((text, at) => text === `${at} 포구`), "messages have moved");
            socket.close();
        };
    }

    TESTS["whoever comes back with the cursor misses nothing and hears nothing twice"] = () => riding;
"""

CUT = frozenset(["websocket", "xhr_streaming", "eventsource", "htmlfile", "xhr", "jsonp"])

if __name__ == "__main__":
    main(__doc__, BUNDLES, Case(THROUGH_PROXIES, SHORT, cuts=CUT))
