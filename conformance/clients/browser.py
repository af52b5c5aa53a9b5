"""Headless Chromium, driven by the DevTools protocol over its WebSocket."""

import asyncio
import itertools
import json
import tempfile
from pathlib import Path

from websockets.asyncio.client import connect

START_SECONDS = 30
CALL_SECONDS = 20

FLAGS = [
    "--headless",
    "--no-sandbox",  # Chromium refuses to run as root with it
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have little of it
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-port=0",
]

# As a page of a stranger would come: from another origin than the server's. Loopback keeps it a local page for Chromium.
PAGE = b"<!doctype html><meta charset=utf-8><title>a page</title>"


class Browser:
    """One page. What its script gives to `report(...)` and `console.log(...)` arrives at `on_report(value)`."""

    def __init__(self, on_report):
        self.on_report = on_report
        self.ids = itertools.count(1)
        self.calls = {}

    async def __aenter__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="pogu-chromium-", ignore_cleanup_errors=True)
        quiet = {"stdin": asyncio.subprocess.DEVNULL, "stdout": asyncio.subprocess.DEVNULL}
        self.log = open(Path(self.profile.name, "log"), "wb")
        flags = [*FLAGS, f"--user-data-dir={self.profile.name}", "about:blank"]
        self.process = await asyncio.create_subprocess_exec("chromium", *flags, **quiet, stderr=self.log)
        self.pages = await asyncio.start_server(serve_page, "127.0.0.1", 0)
        self.socket = await connect(await self.devtools_url(), max_size=None)
        self.reader = asyncio.create_task(self.read())
        await self.open_page()
        return self

    async def __aexit__(self, *_):
        self.reader.cancel()
        await self.socket.close()
        self.pages.close()
        self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), START_SECONDS)
        except asyncio.TimeoutError:
            self.process.kill()
        self.log.close()
        self.profile.cleanup()

    async def devtools_url(self):
        """Chromium writes the port that it chose into its profile."""
        file = Path(self.profile.name, "DevToolsActivePort")
        for _ in range(START_SECONDS * 10):
            lines = file.read_text().split() if file.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            if self.process.returncode is not None:
                break
            await asyncio.sleep(0.1)
        said = Path(self.log.name).read_text(errors="replace")[-2000:]
        raise RuntimeError(f"chromium did not start:\n{said}")

    async def open_page(self):
        port = self.pages.sockets[0].getsockname()[1]
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.session = attached["sessionId"]
        await self.page("Page.enable")
        await self.page("Runtime.enable")
        await self.page("Runtime.addBinding", name="reportText")
        await self.goto(f"http://127.0.0.1:{port}/")

    async def goto(self, url):
        """Opens another page and waits for it to be there."""
        self.loaded = asyncio.Event()
        await self.page("Page.navigate", url=url)
        await asyncio.wait_for(self.loaded.wait(), CALL_SECONDS)
        await self.run("window.report = (value) => reportText(JSON.stringify(value))")

    async def run(self, script, seconds=CALL_SECONDS):
        """Runs a script in the page, waits for its promise and gives back its value."""
        answer = await self.page("Runtime.evaluate", seconds, expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"the page threw: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def page(self, method, seconds=CALL_SECONDS, **parameters):
        return self.call(method, seconds, session=self.session, **parameters)

    async def call(self, method, seconds=CALL_SECONDS, session=None, **parameters):
        number = next(self.ids)
        answer = self.calls[number] = asyncio.get_running_loop().create_future()
        request = {"id": number, "method": method, "params": parameters}
        await self.socket.send(json.dumps(request | ({"sessionId": session} if session else {})))
        return await asyncio.wait_for(answer, seconds)

    async def read(self):
        async for text in self.socket:
            said = json.loads(text)
            method, parameters = said.get("method"), said.get("params", {})
            if "id" in said:
                answer = self.calls.pop(said["id"])
                if "error" in said:
                    answer.set_exception(RuntimeError(f"DevTools: {said['error']}"))
                elif not answer.done():
                    answer.set_result(said["result"])
            elif method == "Page.loadEventFired":
                self.loaded.set()
            elif method == "Runtime.bindingCalled":
                self.on_report(json.loads(parameters["payload"]))
            elif method == "Runtime.consoleAPICalled":
                self.on_report(" ".join(str(value.get("value")) for value in parameters["args"]))
            elif method == "Runtime.exceptionThrown":
                self.on_report(f"the page threw: {parameters['exceptionDetails']}")


async def serve_page(reader, writer):
    """Answers any request with the empty page."""
    try:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(PAGE)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + PAGE)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # Chromium opens connections in advance and may close them unused
    finally:
        writer.close()
