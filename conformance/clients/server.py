"""pogu on free ports of its own, for as long as a `with` block lasts."""

import random
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START_SECONDS = 20
STOP_SECONDS = 15


def free_port():
    """A port that neither TCP nor UDP uses now, below those that the system gives to clients."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


class Server:
    """A server with this TOML as its configuration, which must listen on `port`."""

    def __init__(self, pogu, port, config):
        self.pogu, self.port, self.config = pogu, port, config

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="pogu-")
        file = Path(self.folder.name, "pogu.toml")
        file.write_text(self.config)
        self.log = open(Path(self.folder.name, "log"), "w+b")
        command = [self.pogu, "serve", "--config", file]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        try:
            wait_for_port(self.port, self.process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = f"no answer to SIGTERM within {STOP_SECONDS} s"
        self.log.seek(0)
        self.said = self.log.read().decode(errors="replace")
        self.status = status
        self.log.close()
        self.folder.cleanup()
        if status != 0:
            print(f"the server ended with {status}; it said:\n{self.said}")


def wait_for_port(port, process, seconds=START_SECONDS):
    """Returns as soon as someone listens on the port."""
    for _ in range(seconds * 20):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port} after {seconds} s")
