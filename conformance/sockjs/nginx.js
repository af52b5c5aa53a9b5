"use strict";
// nginx as a proxy before the server, for all tests of a file.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { after, before } = require("node:test");

const { accepts, freePort, pause, within } = require("./harness");

/** What lets WebSockets through, as nginx's manual says. */
const UPGRADE = `
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
`;

/** A proxy with these directives beside `proxy_pass`. Once the tests run it has a `port`. */
function proxy(server, directives = "") {
    const nginx = {};
    before(async () => {
        // node runs the hooks of a file side by side.
        while (!server.process) await pause(20);
        nginx.port = await freePort();
        nginx.folder = fs.mkdtempSync(path.join(os.tmpdir(), "pogu-nginx-"));
        const file = (name) => path.join(nginx.folder, name);
        const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${file(name)};`);
        fs.writeFileSync(
            file("nginx.conf"),
            `
            daemon off;
            master_process off;
            pid ${file("pid")};
            events {}
            http {
                access_log off;
                ${temporary.join("\n")}
                map $http_upgrade $connection_upgrade { default upgrade; "" close; }
                server {
                    listen 127.0.0.1:${nginx.port};
                    location / {
                        proxy_pass http://127.0.0.1:${server.port};
                        ${directives}
                    }
                }
            }`,
        );
        const command = ["-e", file("log"), "-c", file("nginx.conf")];
        nginx.process = spawn("nginx", command, { stdio: "ignore" });
        await within(listening(nginx), "nginx listens");
    });
    after(async () => {
        const ended = new Promise((resolve) => nginx.process.once("exit", resolve));
        nginx.process.kill("SIGTERM");
        await within(ended, "nginx ends");
        fs.rmSync(nginx.folder, { recursive: true });
    });
    return nginx;
}

async function listening(nginx) {
    while (!(await accepts(nginx.port))) {
        const log = path.join(nginx.folder, "log");
        assert.equal(nginx.process.exitCode, null, `nginx has ended; it said:\n${fs.existsSync(log) && fs.readFileSync(log)}`);
        await pause(20);
    }
}

module.exports = { UPGRADE, proxy };
