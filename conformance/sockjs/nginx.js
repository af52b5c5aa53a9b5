"use strict";
// nginx as three proxies before a server, for all tests of a file.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { after, before } = require("node:test");

const { accepts, freePort, pause, within } = require("./harness");

const CONFIG = path.join(__dirname, "../clients/nginx.conf");

/** Once the tests run it has the ports of the proxies, by their names in the configuration; `cut()` tells what they have cut. */
function proxies(server) {
    const nginx = {};
    before(async () => {
        // node runs the hooks of a file side by side.
        while (!server.process) await pause(20);
        for (const name of ["strips", "buffers", "cuts"]) nginx[name] = await freePort();
        nginx.folder = fs.mkdtempSync(path.join(os.tmpdir(), "pogu-nginx-"));
        const file = (name) => path.join(nginx.folder, name);
        const words = { FOLDER: nginx.folder, SERVER: server.port, STRIPS: nginx.strips, BUFFERS: nginx.buffers, CUTS: nginx.cuts };
        const config = fs.readFileSync(CONFIG, "utf8").replace(/\b(FOLDER|SERVER|STRIPS|BUFFERS|CUTS)\b/g, (word) => words[word]);
        fs.writeFileSync(file("nginx.conf"), config);
        nginx.log = file("log");
        nginx.process = spawn("nginx", ["-e", nginx.log, "-c", file("nginx.conf")], { stdio: "ignore" });
        await within(listening(nginx), "nginx listens");
    });
    after(async () => {
        const ended = new Promise((resolve) => nginx.process.once("exit", resolve));
        nginx.process.kill("SIGTERM");
        await within(ended, "nginx ends");
        fs.rmSync(nginx.folder, { recursive: true });
    });
    /** The ends of the URLs of sessions whose connections were cut. */
    nginx.cut = () => {
        const lines = fs.readFileSync(nginx.log, "utf8").matchAll(/upstream timed out .* request: "\w+ \/pogu\/\w+\/\w+\/(\w+)/g);
        return new Set([...lines].map(([, end]) => end));
    };
    return nginx;
}

async function listening(nginx) {
    for (const port of [nginx.strips, nginx.buffers, nginx.cuts]) {
        while (!(await accepts(port))) {
            const said = fs.existsSync(nginx.log) && fs.readFileSync(nginx.log);
            assert.equal(nginx.process.exitCode, null, `nginx has ended; it said:\n${said}`);
            await pause(20);
        }
    }
}

module.exports = { proxies };
