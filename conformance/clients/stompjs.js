"use strict";
// stompjs for the matrix: `stompjs.js pub URL DESTINATION` sends what it is told on its standard input and ends with the receipt;
// `stompjs.js sub URL DESTINATION` prints every message. Both are JSON with `headers` and a `body` in base64.

const fs = require("node:fs");

const { Client, Versions } = require("@stomp/stompjs");
const WebSocket = require("ws");

const [mode, url, destination] = process.argv.slice(2);

const client = new Client({
    webSocketFactory: () => new WebSocket(url, Versions.default.protocolVersions()),
    reconnectDelay: 0,
    onConnect: mode === "pub" ? publish : subscribe,
    onStompError: ({ headers, body }) => fail(`ERROR ${headers.message}: ${body}`),
    onWebSocketError: ({ message }) => fail(message),
    onWebSocketClose: ({ code }) => client.active && fail(`closed with ${code}`),
});

function fail(why) {
    console.error(why);
    process.exit(1);
}

function publish() {
    const { body, binary, headers } = JSON.parse(fs.readFileSync(0));
    const bytes = Buffer.from(body, "base64");
    client.watchForReceipt("sent", () => client.deactivate());
    const said = binary ? { binaryBody: new Uint8Array(bytes) } : { body: bytes.toString() };
    client.publish({ destination, ...said, headers: { ...headers, receipt: "sent" } });
}

function subscribe() {
    client.subscribe(destination, ({ headers, binaryBody }) => {
        const body = Buffer.from(binaryBody).toString("base64");
        process.stdout.write(`${JSON.stringify({ headers, body })}\n`);
    });
}

client.activate();
