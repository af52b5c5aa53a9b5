"""stompjs 7 in a page of headless Chromium, as a stranger's page would have it: text and binary frames, and bodies of every kind."""

import argparse
import asyncio
import sys
from pathlib import Path

from browser import Browser
from server import Server, free_port

BUNDLE = "@stomp/stompjs/bundles/stomp.umd.js"
MANY = 1_000

SCRIPT = """
    const url = "ws://127.0.0.1:%(port)d/stomp";
    const WAIT_MS = 8_000;
    let names = 0;

    function assert(holds, what) {
        if (!holds) throw new Error(what);
    }

    function within(promise, what) {
        const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`${what}: not in time`)), WAIT_MS));
        return Promise.race([promise, late]);
    }

    async function open(options) {
        const client = new StompJs.Client({ brokerURL: url, reconnectDelay: 0, ...options });
        const failed = new Promise((_, reject) => {
            client.onStompError = (frame) => reject(new Error(`ERROR ${frame.headers.message}: ${frame.body}`));
        });
        client.failed = failed.catch((error) => error);
        const connected = new Promise((resolve) => (client.onConnect = resolve));
        client.activate();
        client.greeting = await within(Promise.race([connected, failed]), "CONNECTED");
        return client;
    }

    function done(client, what, act) {
        const receipt = `receipt-${++names}`;
        const arrived = new Promise((resolve) => client.watchForReceipt(receipt, resolve));
        act({ receipt });
        return within(arrived, `the receipt of ${what}`);
    }

    async function inbox(client, destination, headers = {}) {
        const messages = [];
        let wake = () => {};
        await done(client, "SUBSCRIBE", (asking) =>
            client.subscribe(destination, (message) => wake(messages.push(message)), { ...headers, ...asking }));
        const filled = async (count) => {
            while (messages.length < count) await new Promise((resolve) => (wake = resolve));
            return messages.splice(0, count);
        };
        return (count) => within(filled(count), `${count} messages of ${destination}`);
    }

    const WAYS = { text: {}, binary: { forceBinaryWSFrames: true }, split: { splitLargeFrames: true } };
    const bytes = (length) => Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 255);
    const BODIES = ["", "hello", "포구 — naïve 🚢", "a\\0b\\0", "\\n\\r\\n", bytes(1_000), Uint8Array.of(255, 0, 128), bytes(1 << 20)];

    const TESTS = {
        async versions() {
            for (const version of ["1.0", "1.1", "1.2"]) {
                const client = await open({ stompVersions: new StompJs.Versions([version]) });
                assert(client.connectedVersion === version, `${client.connectedVersion} in place of ${version}`);
                await within(client.deactivate(), "the end");
            }
        },

        async bodies() {
            for (const [way, options] of Object.entries(WAYS)) {
                const client = await open(options);
                const destination = `/topic/page.${way}`;
                const next = await inbox(client, destination);
                for (const [at, body] of BODIES.entries()) {
                    const isText = typeof body === "string";
                    client.publish({ destination, [isText ? "body" : "binaryBody"]: body, headers: { event: `${at}` } });
                    const [message] = await next(1);
                    const wanted = isText ? new TextEncoder().encode(body) : body;
                    const got = message.binaryBody;
                    assert(got.length === wanted.length, `${way}: body ${at} has ${got.length} bytes`);
                    assert(got.every((byte, place) => byte === wanted[place]), `${way}: body ${at} has changed`);
                    assert(message.headers.event === `${at}`, `${way}: the event of body ${at}`);
                }
                await within(client.deactivate(), "the end");
            }
        },

        async many() {
            const client = await open();
            const next = await inbox(client, "/queue/page.many");
            for (let at = 0; at < %(many)d; at++) client.publish({ destination: "/queue/page.many", body: `${at}` });
            const messages = await next(%(many)d);
            assert(messages.every(({ body }, at) => body === `${at}`), "messages have moved");
            await within(client.deactivate(), "the end");
        },

        async acknowledgements() {
            const [one, other] = [await open(), await open()];
            const next = await inbox(one, "/queue/page.acks", { ack: "client-individual" });
            for (const body of ["1", "2"]) one.publish({ destination: "/queue/page.acks", body });
            const [first, second] = await next(2);
            first.ack();
            second.nack();
            const [again] = await next(1);
            assert(again.body === "2" && again.headers.redelivered === "true", "NACK gives back");
            await within(one.deactivate(), "the end");
            const [rest] = await (await inbox(other, "/queue/page.acks"))(1);
            assert(rest.body === "2" && rest.headers.redelivered === "true", "the end gives back");
            await within(other.deactivate(), "the end");
        },

        async transactions() {
            const client = await open();
            const next = await inbox(client, "/topic/page.bought");
            const transaction = client.begin();
            client.publish({ destination: "/topic/page.bought", body: "inside", headers: { transaction: transaction.id } });
            client.publish({ destination: "/topic/page.bought", body: "outside" });
            transaction.commit();
            const messages = await next(2);
            assert(messages.map(({ body }) => body).join() === "outside,inside", "COMMIT sends");
            await within(client.deactivate(), "the end");
        },

        async heartbeats() {
            let beats = 0;
            const options = { heartbeatIncoming: 500, heartbeatOutgoing: 500, onHeartbeatReceived: () => beats++ };
            const client = await open(options);
            await new Promise((resolve) => setTimeout(resolve, 1_700));
            assert(beats >= 2 && client.connected, `${beats} heart-beats`);
            await within(client.deactivate(), "the end");
        },

        async refusals() {
            const client = await open();
            const closed = new Promise((resolve) => (client.onWebSocketClose = resolve));
            client.publish({ destination: "nowhere", body: "x" });
            const error = await within(client.failed, "ERROR");
            assert(/nowhere/.test(error.message), `${error}`);
            const { wasClean } = await within(closed, "the end of the connection");
            assert(wasClean, "the connection was closed in order");
        },
    };

    /** "" when the test holds, or what does not. */
    async function run(name) {
        try {
            await TESTS[name]();
            return "";
        } catch (error) {
            return error.message;
        }
    }
"""


async def run(pogu, bundle):
    port = free_port()
    faults = {}
    with Server(pogu, port, f'[[listen]]\naddress = "127.0.0.1:{port}"\n') as server:
        async with Browser(lambda said: print(f"the page says: {said}")) as browser:
            await browser.run(bundle.read_text())
            await browser.run(SCRIPT % {"port": port, "many": MANY})
            for name in await browser.run("Object.keys(TESTS)"):
                faults[name] = await browser.run(f"run({name!r})")
                print(f"FAIL page: {name}: {faults[name]}" if faults[name] else f"ok   page: {name}")
    failed = sum(bool(fault) for fault in faults.values())
    print(f"{len(faults) - failed} tests in a page passed, {failed} failed")
    return bool(faults) and not failed and server.status == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pogu", required=True, help="the program to test")
    parser.add_argument("--packages", required=True, type=Path, help="the folder of the npm packages")
    options = parser.parse_args()
    sys.exit(0 if asyncio.run(run(options.pogu, options.packages / BUNDLE)) else 1)
