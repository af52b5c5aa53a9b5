"use strict";
// sockjs-client for the matrix: `sockjs.js pub URL` sends the text of its standard input and ends when it has its own message back;
// `sockjs.js sub URL` prints every message as a string of JSON.

const fs = require("node:fs");

const SockJS = require("sockjs-client");

const [mode, url] = process.argv.slice(2);

// WebSockets are in the matrix already.
const socket = new SockJS(url, null, { transports: ["xhr-streaming"], timeout: 10_000 });
const text = mode === "pub" && fs.readFileSync(0, "utf8");

socket.onopen = () => mode === "pub" && socket.send(text);
socket.onmessage = ({ data }) => {
    if (mode === "sub") process.stdout.write(`${JSON.stringify(data)}\n`);
    else if (data === text) process.exit(0);
};
socket.onclose = ({ code, reason }) => {
    console.error(`closed with ${code} ${reason}`);
    process.exit(1);
};
