"""`opscom demo` as a person meets it: ready soon, three things that work as printed, down without a trace, up again."""

import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from opscom.demo.places import FOLDER_NAME, DemoError, Places, require_free, secret_keys
from opscom.demo.places import free_port as free_port_as_wanted
from tests.architecture.sources import ROOT
from tests.ports import free_port

PATIENCE_S = 90.0
PRINTED_COMMAND = ".venv/bin/opscom"


@dataclass(frozen=True)
class Demo:
    """A demo in a folder of its own."""

    folder: Path
    port: int
    process: subprocess.Popen[str]
    said: str

    def follow(self, heading: str) -> str:
        """Do what is printed under a heading, as printed, and return what it answered."""
        start = self.said.index(f"{heading}\n") + len(heading)
        commands = str(re.split(r"\n\d\. |\nready", self.said[start:])[0]).replace(PRINTED_COMMAND, _opscom())
        done = subprocess.run(
            ["sh"],
            input=commands,
            cwd=ROOT,
            env=_environ(self.folder, self.port),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr

    def opscom(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Give a command in another terminal."""
        command = [sys.executable, "-m", "opscom", *words]
        environ = _environ(self.folder, self.port)
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)

    def end(self, number: int) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


Start = Callable[[], Demo]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the demo of this test and wait until it is ready; again takes up the same folder."""
    port = free_port()
    started: list[subprocess.Popen[str]] = []

    def begin() -> Demo:
        command = [sys.executable, "-m", "opscom", "demo"]
        process = subprocess.Popen(
            command, cwd=ROOT, env=_environ(tmp_path, port), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        return Demo(tmp_path, port, process, _until_ready(process))

    yield begin
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_the_demo_is_ready_works_as_printed_and_takes_up_its_data(start: Start) -> None:
    first = start()
    password = re.search(r"ann@tomahawku.example, password (\S+)", first.said)
    seconds = re.search(r"up after ([0-9.]+) s", first.said)
    assert password is not None
    assert seconds is not None
    assert '"percentFull":' in first.follow("1. Ask for the map as a guest")
    assert '"isNew":' in first.follow("3. Log in as ann@tomahawku.example and RUN a system task")
    assert "tomahawku\tproduction\tactive" in first.opscom("tenant", "list").stdout
    assert first.end(signal.SIGINT) == 0
    assert _left_behind(first.folder) == []

    second = start()
    assert "password: the one printed at the first start" in second.said
    assert password[1] not in second.said
    changed = second.opscom(
        "tenant", "set-password", "tomahawku", "ann@tomahawku.example", "--password", "a new long one"
    )
    assert changed.returncode == 0, changed.stderr
    known = Demo(second.folder, second.port, second.process, second.said.replace("YOUR PASSWORD", "a new long one"))
    assert '"isNew":' in known.follow("3. Log in as ann@tomahawku.example and RUN a system task")
    second.process.kill()
    second.process.wait(PATIENCE_S)
    _wait_for(lambda: _left_behind(second.folder) == [])


def test_a_killed_process_of_the_demo_is_started_again(start: Start) -> None:
    demo = start()
    (worker,) = [pid for pid, words in _processes(demo.folder) if words[-2:] == ["opscom", "worker"]]

    os.kill(worker, signal.SIGKILL)

    _wait_for(
        lambda: (
            [pid for pid, words in _processes(demo.folder) if words[-2:] == ["opscom", "worker"]] not in ([], [worker])
        )
    )
    assert demo.end(signal.SIGTERM) == 0
    assert _left_behind(demo.folder) == []


def test_a_taken_port_is_told_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "opscom", "demo"]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=_environ(tmp_path / "new", port),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()


def test_watch_says_that_nobody_answers_and_goes_on(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "opscom", "watch", "nobody", "--port", str(port)]
    environ = _environ(tmp_path, port)
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        said = [watching.stdout.readline() for _ in range(2)]
        watching.kill()

    assert all(line.startswith("connection lost") for line in said)


def test_the_key_ring_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.make()

    ring = secret_keys(places)

    assert secret_keys(places) == ring
    assert stat.S_IMODE(places.keys.stat().st_mode) == 0o600


def test_a_free_port_is_taken_as_wanted() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        assert free_port_as_wanted(port) != port
        with pytest.raises(DemoError):
            require_free(port)
    assert free_port_as_wanted(port) == port


def _environ(folder: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPSCOM_")}
    return kept | {FOLDER_NAME: str(folder), "OPSCOM_PORT": str(port), "PYTHONUNBUFFERED": "1"}


def _opscom() -> str:
    return f"{sys.executable} -m opscom"


def _until_ready(process: subprocess.Popen[str]) -> str:
    said: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if line == "ready\n":
            return "".join(said)
    pytest.fail("".join(said))


def _processes(folder: Path) -> list[tuple[int, list[str]]]:
    """The living processes that were started with the folder in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{FOLDER_NAME}={folder}".encode() in (path / "environ").read_bytes().split(b"\0"):
                found.append((int(path.name), (path / "cmdline").read_text().rstrip("\0").split("\0")))
    return found


def _left_behind(folder: Path) -> list[list[str]]:
    return [words for _pid, words in _processes(folder)]


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
