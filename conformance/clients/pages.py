"""Tests in a page of headless Chromium: a script that has `TESTS` and `run(name)`, which gives "" when the test holds, or what does not."""

import argparse
import asyncio
import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from browser import Browser
from nginx import Proxies
from server import Server, free_port

# For one test, whose own waits are shorter.
RUN_SECONDS = 60

# What all scripts begin with.
PRELUDE = """
    const HTTP = "http://127.0.0.1:%(port)d", WS = "ws://127.0.0.1:%(port)d";
    const WAIT_MS = 8_000;
    const TESTS = {};

    function assert(holds, what) {
        if (!holds) throw new Error(what);
    }

    function within(promise, what) {
        const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`${what}: not in time`)), WAIT_MS));
        return Promise.race([promise, late]);
    }

    /** What is put into it, in its order; `next(count)` waits for so many. */
    function inbox(what) {
        const items = [];
        let wake = () => {};
        const filled = async (count) => {
            while (items.length < count) await new Promise((resolve) => (wake = resolve));
            return items.splice(0, count);
        };
        const put = (item) => wake(items.push(item));
        return { put, next: (count = 1) => within(filled(count), `${count} of ${what}`) };
    }

    async function run(name) {
        try {
            await TESTS[name]();
            return "";
        } catch (error) {
            return error?.message ?? `${error}`;
        }
    }
"""


@dataclass
class Case:
    """A script, the server's configuration for it, the path of the server's own page that it runs in, if it is not a stranger's, the
    bundles that it wants after those of all cases, a script before all of them, and what proxies before the server, which are there only
    if it is something, must have cut in the end (see `Proxies`; their ports are in `PROXIES`)."""

    script: str
    config: str = ""
    path: str = ""
    bundles: tuple = ()
    before: str = ""
    cuts: frozenset = frozenset()


async def run(pogu, packages, bundles, case):
    """The fault of each test, "" if it holds."""
    port = free_port()
    faults = {}
    with ExitStack() as stack:
        server = stack.enter_context(Server(pogu, port, f'[[listen]]\naddress = "127.0.0.1:{port}"\n{case.config}'))
        proxies = stack.enter_context(Proxies(port)) if case.cuts else None
        async with Browser(lambda said: print(f"the page says: {said}")) as browser:
            if case.path:
                await browser.goto(f"http://127.0.0.1:{port}{case.path}")
            await browser.run(case.before)
            for bundle in [*bundles, *case.bundles]:
                await browser.run((packages / bundle).read_text())
            ports = f"const PROXIES = {json.dumps(proxies.ports)};" if proxies else ""
            await browser.run(PRELUDE % {"port": port} + ports + case.script)
            for name in await browser.run("Object.keys(TESTS)"):
                faults[name] = await browser.run(f"run({name!r})", RUN_SECONDS)
                print(f"FAIL page: {name}: {faults[name]}" if faults[name] else f"ok   page: {name}")
        if proxies and (uncut := case.cuts - proxies.cut()):
            faults["the proxies"] = f"they have not cut {', '.join(sorted(uncut))}"
            print(f"FAIL page: the proxies: {faults['the proxies']}")
    if server.status != 0:
        faults["the server"] = f"it ended with {server.status}"
    return faults


async def run_all(pogu, packages, bundles, cases):
    faults = []
    for case in cases:
        faults += (await run(pogu, packages, bundles, case)).values()
    failed = sum(bool(fault) for fault in faults)
    print(f"{len(faults) - failed} tests in a page passed, {failed} failed")
    return bool(faults) and not failed


def main(about, bundles, *cases):
    """Runs the cases, each after the bundles, which are files of npm packages; the process ends with the outcome."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--pogu", required=True, help="the program to test")
    parser.add_argument("--packages", required=True, type=Path, help="the folder of the npm packages")
    options = parser.parse_args()
    sys.exit(0 if asyncio.run(run_all(options.pogu, options.packages, bundles, cases)) else 1)
