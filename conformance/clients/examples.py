"""Runs the code blocks of a Markdown file and compares what they print.

    ```sh        a bash script; the block that ends in `serve` is the server of all others
    ```python    a Python script
    ```js        a script in a page of headless Chromium, with the libraries that it names; what it logs is its output
    ```toml      a configuration for `pogu check`

A comment `# → text` (in JavaScript `// → text`) expects a line of output, in this order; `…` stands for anything. A block has passed when
all that it expects was seen, or it has ended well if it expects nothing. Another port than the one in the text is used.
"""

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from browser import Browser
from server import free_port, wait_for_port

PORT = "7070"
BLOCK_SECONDS = 30
# Libraries of JavaScript, by what a block calls of them.
LIBRARIES = {
    "io(": "socket.io-client/dist/socket.io.min.js",
    "SockJS(": "sockjs-client/dist/sockjs.min.js",
    "StompJs.": "@stomp/stompjs/bundles/stomp.umd.min.js",
}
# The command that starts the server builds it first, if nothing else has.
BUILD_SECONDS = 1800
BASH = ["bash", "-euo", "pipefail", "-c"]
# The whole run is part of this one.
THIS_RUN = "cargo xtask test"


@dataclass
class Block:
    line: int
    language: str
    text: str

    @property
    def is_server(self):
        return self.language == "sh" and self.text.rstrip().endswith("serve")

    def expected(self):
        """A pattern for each line of output."""
        lines = re.findall(r"^(?:#|//) → (.*)$", self.text, re.MULTILINE)
        return [re.compile(".*".join(re.escape(part) for part in line.split("…"))) for line in lines]


class Expectation:
    """The lines that are still to come."""

    def __init__(self, block):
        self.missing = block.expected()
        self.met = asyncio.Event()
        self.heard = []
        if not self.missing:
            self.met.set()

    def hear(self, line):
        self.heard.append(line)
        if self.missing and self.missing[0].fullmatch(line):
            del self.missing[0]
            if not self.missing:
                self.met.set()

    def check(self):
        said = "\n".join(self.heard)
        assert not self.missing, f"no line matches {self.missing[0].pattern!r} in:\n{said}"


def blocks_of(markdown):
    found, open_block = [], None
    for number, line in enumerate(markdown.splitlines(), 1):
        if open_block and line.startswith("```"):
            found.append(open_block)
            open_block = None
        elif open_block:
            open_block.text += line + "\n"
        elif line.startswith("```"):
            open_block = Block(number, line.removeprefix("```").strip(), "")
    return found


async def run_program(block, environment, *command):
    """Runs a program until it has printed all that is expected or has ended."""
    expectation = Expectation(block)
    pipe = asyncio.subprocess.PIPE
    null = asyncio.subprocess.DEVNULL
    errors = tempfile.TemporaryFile()
    process = await asyncio.create_subprocess_exec(
        *command, stdin=null, stdout=pipe, stderr=errors, env=environment, start_new_session=True
    )

    async def read():
        async for line in process.stdout:
            expectation.hear(line.decode(errors="replace").removesuffix("\n"))
        status = await process.wait()
        errors.seek(0)
        assert status == 0, f"ended with {status}: {errors.read().decode(errors='replace')}"

    reading = asyncio.create_task(read())
    waits = [reading] + ([asyncio.create_task(expectation.met.wait())] if expectation.missing else [])
    try:
        await asyncio.wait(waits, timeout=BLOCK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            reading.result()
        assert reading.done() or expectation.met.is_set(), f"took more than {BLOCK_SECONDS} s"
        expectation.check()
    finally:
        for wait in waits:
            wait.cancel()
        await end(process)
        errors.close()


async def end(process):
    """Ends a program with all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    await process.wait()


async def run_in_browser(block, packages):
    expectation = Expectation(block)
    async with Browser(expectation.hear) as browser:
        for call, library in LIBRARIES.items():
            if call in block.text:
                await browser.run(Path(packages, library).read_text())
        await browser.run(f"(async () => {{ {block.text} }})()")
        try:
            await asyncio.wait_for(expectation.met.wait(), BLOCK_SECONDS)
        except asyncio.TimeoutError:
            pass
    expectation.check()


async def check_config(block, pogu):
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(block.text)
        file.flush()
        await run_program(block, os.environ, pogu, "check", file.name)


async def run_block(block, pogu, port, packages):
    search = f"{Path(pogu).resolve().parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": search, "POGU_SERVER": f"http://127.0.0.1:{port}"}
    match block.language:
        case "sh":
            await run_program(block, environment, *BASH, block.text)
        case "python":
            await run_program(block, environment, sys.executable, "-c", block.text)
        case "js":
            await run_in_browser(block, packages)
        case "toml":
            await check_config(block, pogu)
        case other:
            raise AssertionError(f"nothing runs a block in {other!r}")


def needs_library(block):
    return block.language == "js" and any(call in block.text for call in LIBRARIES)


async def run_file(path, pogu, packages):
    port = str(free_port())
    blocks = blocks_of(Path(path).read_text())
    if packages is None:
        blocks = [block for block in blocks if not needs_library(block)]
    for block in blocks:
        block.text = block.text.replace(PORT, port)
    [server_block] = [block for block in blocks if block.is_server]
    environment = os.environ | {"POGU_LISTEN": f"127.0.0.1:{port}"}
    server = subprocess.Popen([*BASH, server_block.text], env=environment, start_new_session=True)
    results = []
    try:
        wait_for_port(port, server, BUILD_SECONDS)
        print(f"ok   {path}:{server_block.line} (the server)")
        for block in blocks:
            if not block.is_server and block.text.strip() != THIS_RUN:
                results.append(await tell(path, block, pogu, port, packages))
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
    print(f"{results.count(True)} examples passed, {results.count(False)} failed")
    return all(results)


async def tell(path, block, pogu, port, packages):
    try:
        await run_block(block, pogu, port, packages)
    except Exception as error:
        print(f"FAIL {path}:{block.line}: {error}")
        return False
    print(f"ok   {path}:{block.line} ({block.language})")
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pogu", required=True, help="the program that the examples call pogu")
    parser.add_argument("--packages", help="the packages of npm; blocks that need some are left out without")
    parser.add_argument("file", help="the Markdown file")
    options = parser.parse_args()
    sys.exit(0 if asyncio.run(run_file(options.file, options.pogu, options.packages)) else 1)
