"""Chromium, driven over the W3C WebDriver protocol by nothing but the standard library."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]


class Browser:
    """One window of a headless Chromium that can reach no network."""

    def __init__(self, driver: str, chromium: str) -> None:
        self._driver = driver
        capabilities = {
            "goog:chromeOptions": {"binary": chromium, "args": _ARGUMENTS},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "timeouts": {"pageLoad": 60_000, "script": 120_000},
        }
        opened = self._call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"/session/{opened['sessionId']}"
        self.devtools("Network.enable")
        self.devtools(
            "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
        )

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._driver + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=180) as answer:
            return json.load(answer)["value"]

    def devtools(self, command: str, **parameters: object) -> Any:
        """One command of the DevTools protocol."""
        return self._call("POST", f"{self._session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def look_like(self, width: int, height: int, scheme: str) -> None:
        """A window of this size whose user prefers this colour scheme."""
        phone = width < 600
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, page: Path) -> None:
        """Open a page and wait until it is loaded."""
        self._call("POST", f"{self._session}/url", {"url": page.as_uri()})

    def run(self, script: str, *arguments: object) -> Any:
        """What a piece of JavaScript returns."""
        return self._call("POST", f"{self._session}/execute/sync", {"script": script, "args": list(arguments)})

    def run_async(self, script: str) -> Any:
        """What a piece of JavaScript hands to the function that is its last argument."""
        return self._call("POST", f"{self._session}/execute/async", {"script": script, "args": []})

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        body = {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}
        self._call("POST", f"{self._session}/actions", body)

    def screenshot(self, path: Path) -> None:
        """Save what the window shows."""
        path.write_bytes(base64.b64decode(self._call("GET", f"{self._session}/screenshot")))

    def console(self) -> list[str]:
        """What was written to the console since it was asked last."""
        return [entry["message"] for entry in self._call("POST", f"{self._session}/se/log", {"type": "browser"})]

    def requested(self) -> set[str]:
        """The addresses that were asked for since the last call, but those inside the page."""
        entries = self._call("POST", f"{self._session}/se/log", {"type": "performance"})
        events = [json.loads(entry["message"])["message"] for entry in entries]
        addresses = {
            str(event["params"]["request"]["url"]) for event in events if event["method"] == "Network.requestWillBeSent"
        }
        return {address for address in addresses if not address.startswith("data:")}

    def close(self) -> None:
        """Close the browser."""
        self._call("DELETE", self._session)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for one test; skips where there is none."""
    binary, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [driver, f"--port={port}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        browser = Browser(f"http://127.0.0.1:{port}", binary)
        try:
            yield browser
        finally:
            browser.close()
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("chromedriver did not start")
