"""nginx as three proxies before a server, on free ports of their own, for as long as a `with` block lasts."""

import re
import subprocess
import tempfile
from pathlib import Path

from server import STOP_SECONDS, free_port, wait_for_port

CONFIG = Path(__file__).with_name("nginx.conf")


class Proxies:
    """`ports` has the port of each by its name in the configuration, in small letters."""

    def __init__(self, server):
        self.ports = {name: free_port() for name in ["strips", "buffers", "cuts"]}
        self.server = server

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="pogu-nginx-")
        config = CONFIG.read_text().replace("FOLDER", self.folder.name).replace("SERVER", f"{self.server}")
        for name, port in self.ports.items():
            config = config.replace(name.upper(), f"{port}")
        file, self.log = Path(self.folder.name, "nginx.conf"), Path(self.folder.name, "log")
        file.write_text(config)
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(["nginx", "-e", self.log, "-c", file], **quiet)
        try:
            for port in self.ports.values():
                wait_for_port(port, self.process)
        except BaseException:
            print(f"nginx said:\n{self.log.read_text() if self.log.exists() else ''}")
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.folder.cleanup()

    def cut(self):
        """The ends of the URLs of SockJS's sessions whose connections were cut, each once."""
        return set(re.findall(r'upstream timed out .* request: "\w+ /pogu/\w+/\w+/(\w+)', self.log.read_text()))
