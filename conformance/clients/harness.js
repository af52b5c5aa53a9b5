"use strict";
// What the tests of clients share: a server for each file, and waits that fail with what was awaited.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");
const { after, before } = require("node:test");

const WAIT_MS = 10_000;
const START_MS = 20_000;
const PAUSE_MS = 20;

/** The value of a promise, or an error that says what did not come in time. */
async function within(promise, what, ms = WAIT_MS) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * A server for all tests of a file, with these lines in its configuration. Once the tests run it has a `port` for every protocol and a
 * `stompPort` for STOMP alone.
 */
function serve(config = "") {
    const server = {};
    before(async () => {
        assert.ok(process.env.POGU, "POGU names no server");
        [server.port, server.stompPort] = [await freePort(), await freePort()];
        const listen = [
            `[[listen]]\naddress = "tcp://127.0.0.1:${server.port}"\n`,
            `[[listen]]\naddress = "tcp://127.0.0.1:${server.stompPort}"\nprotocol = "stomp"\n`,
        ];
        server.folder = fs.mkdtempSync(path.join(os.tmpdir(), "pogu-"));
        const file = path.join(server.folder, "pogu.toml");
        fs.writeFileSync(file, `${listen.join("")}${config}`);
        server.said = "";
        server.process = spawn(process.env.POGU, ["serve", "--config", file], { stdio: ["ignore", "pipe", "pipe"] });
        const hear = (text) => (server.said += text);
        server.process.stdout.on("data", hear);
        server.process.stderr.on("data", hear);
        await within(listening(server), "the server listens", START_MS);
    });
    after(async () => {
        const ended = new Promise((resolve) => server.process.once("exit", resolve));
        const status = server.process.exitCode ?? (server.process.kill("SIGTERM"), await within(ended, "the server ends"));
        fs.rmSync(server.folder, { recursive: true });
        assert.equal(status, 0, `the server ended with ${status}; it said:\n${server.said}`);
    });
    return server;
}

async function listening(server) {
    while (!(await accepts(server.port))) {
        assert.equal(server.process.exitCode, null, `the server ended; it said:\n${server.said}`);
        await pause(PAUSE_MS);
    }
}

function accepts(port) {
    return new Promise((resolve) => {
        const socket = net.connect(port, "127.0.0.1");
        socket.on("connect", () => resolve(true));
        socket.on("error", () => resolve(false));
        socket.on("close", () => socket.destroy());
        socket.on("connect", () => socket.end());
    });
}

/** A port that nobody uses now, below those that the system gives to clients. */
async function freePort() {
    for (let tries = 0; tries < 100; tries++) {
        const port = 20_000 + Math.floor(Math.random() * 10_000);
        const isFree = await new Promise((resolve) => {
            const listener = net.createServer();
            listener.on("error", () => resolve(false));
            listener.listen(port, "127.0.0.1", () => listener.close(() => resolve(true)));
        });
        if (isFree) return port;
    }
    throw new Error("no free port");
}

/** Messages in the order of their arrival. */
class Inbox {
    constructor(name) {
        this.name = name;
        this.waiting = [];
        this.taken = 0;
    }

    put(message) {
        this.waiting.push(message);
        this.wake?.();
    }

    async next(ms = WAIT_MS) {
        const [message] = await this.take(1, ms);
        return message;
    }

    /** The next so many messages. */
    async take(count, ms = WAIT_MS) {
        const what = () => `message ${this.taken + this.waiting.length + 1} of ${this.name} (awaiting ${count})`;
        const filled = (async () => {
            while (this.waiting.length < count) await new Promise((resolve) => (this.wake = resolve));
        })();
        try {
            await within(filled, "enough messages", ms);
        } catch {
            throw new Error(`${what()}: not within ${ms} ms`);
        }
        this.taken += count;
        return this.waiting.splice(0, count);
    }

    async bodies(count) {
        return (await this.take(count)).map((message) => message.body);
    }

    /** Nothing has arrived that was not taken. Call it once something later has arrived, or it shows nothing. */
    isEmpty() {
        const [message] = this.waiting;
        assert.equal(message, undefined, `${this.name} has ${message?.body ?? message}`);
    }
}

let names = 0;

/** A name that no other test of the file uses. */
const fresh = (prefix) => `${prefix}-${++names}`;

module.exports = { Inbox, WAIT_MS, accepts, freePort, fresh, pause, serve, within };
