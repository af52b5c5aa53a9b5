"use strict";
// How a session begins and ends: versions, subprotocols, paths, logins, DISCONNECT.

const assert = require("node:assert/strict");
const test = require("node:test");

const { SUBPROTOCOLS, Versions, WAYS, open, refused, send, serve, start, subscribe, tcp, webSocket, within } = require("./harness");

const server = serve();

for (const [way, options] of Object.entries(WAYS)) {
    for (const version of ["1.0", "1.1", "1.2"]) {
        test(`${way}: ${version} is agreed`, async (t) => {
            const client = await open(t, { ...options(server), stompVersions: new Versions([version]) });
            assert.equal(client.connectedVersion, version);
            const { headers } = client.greeting;
            assert.match(headers.server, /^pogu\/\d/);
            assert.ok(headers.session);
            const inbox = await subscribe(client, `/topic/hello.${version[2]}`);
            await send(client, `/topic/hello.${version[2]}`, "hello");
            assert.equal((await inbox.next()).body, "hello");
        });
    }

    test(`${way}: the highest common version is chosen`, async (t) => {
        const client = await open(t, { ...options(server), stompVersions: new Versions(["1.0", "2.0", "1.1"]) });
        assert.equal(client.connectedVersion, "1.1");
    });

    test(`${way}: without a common version there is ERROR with those that there are`, async (t) => {
        const client = start(t, { ...options(server), stompVersions: new Versions(["2.0", "0.9"]) });
        assert.equal((await refused(client)).headers.version, "1.0,1.1,1.2");
    });

    test(`${way}: DISCONNECT is answered and the server closes`, async (t) => {
        const client = await open(t, options(server));
        const answered = new Promise((resolve) => (client.onDisconnect = resolve));
        const ended = client.deactivate();
        const receipt = await within(answered, "the receipt of DISCONNECT");
        assert.ok(receipt.headers["receipt-id"]);
        await within(ended, "the end of the connection");
    });

    test(`${way}: a login is not asked for, and harmless`, async (t) => {
        const connectHeaders = { login: "guest", passcode: "guest", host: "/", "client-id": "me" };
        const client = await open(t, { ...options(server), connectHeaders });
        assert.ok(client.connected);
    });
}

test("the first subprotocol that is known is echoed, or none", async (t) => {
    const cases = [
        [SUBPROTOCOLS, "v12.stomp"],
        [["v11.stomp", "v10.stomp"], "v11.stomp"],
        [["v10.stomp", "other"], "v10.stomp"],
        [[], ""],
    ];
    for (const [protocols, chosen] of cases) {
        let socket;
        const webSocketFactory = () => (socket = webSocket(server, { protocols })());
        await open(t, { webSocketFactory });
        assert.equal(socket.protocol, chosen, `offered: ${protocols}`);
    }
});

test("both paths are one endpoint", async (t) => {
    const [one, other] = await Promise.all(
        ["/stomp", "/stomp/websocket"].map((path) => open(t, { webSocketFactory: webSocket(server, { path }) })),
    );
    const inbox = await subscribe(one, "/topic/paths");
    await send(other, "/topic/paths", "across");
    assert.equal((await inbox.next()).body, "across");
});

test("a port for STOMP alone", async (t) => {
    const client = await open(t, { webSocketFactory: tcp(server, server.stompPort) });
    const inbox = await subscribe(await open(t, { webSocketFactory: tcp(server) }), "/topic/ports");
    await send(client, "/topic/ports", "across");
    assert.equal((await inbox.next()).body, "across");
});

test("a second CONNECT is refused", async (t) => {
    let socket;
    const client = await open(t, { webSocketFactory: () => (socket = webSocket(server)()) });
    socket.send("CONNECT\naccept-version:1.2\nhost:/\n\n\0");
    assert.match((await refused(client)).body, /connected already/);
});
