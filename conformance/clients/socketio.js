"use strict";
// socket.io-client for the matrix: `socketio.js pub URL TRANSPORT TOPIC` emits what it is told on its standard input and ends with the
// acknowledgement; `socketio.js sub URL TRANSPORT TOPIC` prints every event. Both are JSON with an `event` and its `value`, or `base64` for a buffer.
// Where the topic follows `root:` the way is by the events of `/`, else by the topic's namespace; where the transport follows `2:` the
// client is version 2.

const fs = require("node:fs");

const [mode, url, transport, topic] = process.argv.slice(2);
const isRoot = topic.startsWith("root:");
const name = topic.replace("root:", "");
const isOld = transport.startsWith("2:");
const io = require(isOld ? "socket.io-client-2" : "socket.io-client");

const transports = [transport.replace("2:", "")];
const socket = io(`${url}${isRoot ? "" : `/${name}`}`, { transports, reconnection: false });

function fail(why) {
    console.error(why);
    process.exit(1);
}

socket.on("connect_error", (error) => fail(error.message ?? error));
socket.on("disconnect", (reason) => reason !== "io client disconnect" && fail(reason));
socket.on("connect", () => (mode === "pub" ? publish() : subscribe()));

function publish() {
    const { event, base64, value = Buffer.from(base64, "base64") } = JSON.parse(fs.readFileSync(0));
    const done = (answer) => (answer.cursor ? socket.disconnect() : fail(answer.error));
    if (isRoot) socket.emit("publish", name, value, { event }, done);
    else socket.emit(event, value, done);
}

function subscribe() {
    // Version 2 has no `onAny`, and its Emitter is what calls everybody.
    if (isOld) socket.onevent = ({ data: [event, ...args] }) => hear(event, ...args);
    else socket.onAny(hear);
    if (isRoot) socket.emit("subscribe", name, (answer) => answer.cursor || fail(answer.error));
}

function hear(event, value) {
    const said = Buffer.isBuffer(value) ? { base64: value.toString("base64") } : { value };
    process.stdout.write(`${JSON.stringify({ event, ...said })}\n`);
}
