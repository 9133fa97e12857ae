"""One Java virtual machine, driven from Python through py4j, that cannot outlive this process."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from py4j.java_gateway import GatewayParameters, JavaGateway
from py4j.protocol import Py4JError, Py4JJavaError

from devservers import paths, tethered
from devservers.errors import DevServerError
from devservers.java import find_java

_LAUNCH_SECONDS = 60.0
_TAIL_LINES = 20

# py4j writes each lost connection to the root logger with its stack, besides raising it.
logging.getLogger().addFilter(lambda record: record.msg != "Exception while sending command.")


class Jvm:
    """A running JVM with a py4j gateway on 127.0.0.1. `java` is the root of its classes: `jvm.java.org.apache…`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name, self.process, self.log = name, process, log
        self._gateway: JavaGateway | None = None
        _running.add(self)

    @classmethod
    def launch(
        cls,
        name: str,
        class_path: Sequence[str],
        log: Path,
        options: Sequence[str] = (),
        properties: Mapping[str, str] | None = None,
        java: Path | None = None,
    ) -> Jvm:
        """Start a JVM and connect to it.

        `name` is for messages; `log` takes all that it writes (appended) and its folder is the working directory;
        `options` are Java's own, `properties` become -D. `java`: None for the one that is found.
        Raises DevServerError with the last lines of the log if it does not come up.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        command = _command(class_path, options, properties or {}, java)
        with log.open("ab") as errors:
            pipe = subprocess.PIPE
            process = tethered.start(command, stdin=pipe, stdout=pipe, stderr=errors, cwd=log.parent)
        jvm = cls(name, process, log)
        try:
            jvm._connect()
        except BaseException:
            jvm.kill()
            raise
        return jvm

    def _connect(self) -> None:
        output = self.process.stdout
        assert output is not None
        too_long = threading.Timer(_LAUNCH_SECONDS, self.process.kill)
        too_long.start()
        port, token = output.readline().strip(), output.readline().strip()
        too_long.cancel()
        if not port.isdigit():
            raise self.failure("its Java process ended at once")
        threading.Thread(target=_drain, args=(output, self.log), daemon=True).start()
        parameters = GatewayParameters(port=int(port), auth_token=token.decode(), auto_convert=True)
        self._gateway = JavaGateway(gateway_parameters=parameters)

    @property
    def gateway(self) -> JavaGateway:
        if self._gateway is None:
            raise DevServerError(f"{self.name} is not running", "start it again")
        return self._gateway

    @property
    def java(self) -> Any:
        return self.gateway.jvm

    @property
    def pid(self) -> int:
        return self.process.pid

    def check(self) -> None:
        """Raises DevServerError with the last lines of the log if the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise self.failure(f"its Java process ended (code {code})")

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. Also ends a paused one; a second call does nothing."""
        _running.discard(self)
        if self._gateway is not None:
            self._gateway._gateway_client.is_connected = False  # or py4j asks the dead to collect each object it loses
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        if self._gateway is not None:
            self._gateway.close()
            self._gateway = None

    def pause(self) -> None:
        """SIGSTOP: ports stay open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def run_in_thread(self, target: Any, method: str, *arguments: Any) -> Any:
        """Call a Java method in a Java daemon thread, and return that. What it throws goes to the log."""
        beans, lang = self.java.java.beans, self.java.java.lang
        statement = beans.Statement(target, method, self.array("java.lang.Object", arguments))
        runnable = beans.EventHandler.create(lang.Class.forName("java.lang.Runnable"), statement, "execute")
        thread = lang.Thread(runnable, method)
        thread.setDaemon(True)
        thread.start()
        return thread

    def array(self, class_name: str, items: Sequence[Any]) -> Any:
        """A Java array; the name of bytes is "[B"."""
        lang = self.java.java.lang
        made = lang.reflect.Array.newInstance(lang.Class.forName(class_name), len(items))
        for index, item in enumerate(items):
            made[index] = item
        return made

    @contextlib.contextmanager
    def failures(self) -> Iterator[None]:
        """Turn what Java throws inside into a DevServerError with the log's end."""
        try:
            yield
        except Py4JJavaError as error:
            raise self.failure(f"it threw {error.java_exception.toString()}") from error
        except Py4JError as error:
            raise self.failure("its Java process was lost") from error

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Poll until `ready()`. Raises DevServerError with the log's end if the JVM ends first or the time is over."""
        end = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise self.failure(f"{what} was not ready after {seconds:.0f} s")
            time.sleep(0.02)

    def failure(self, what: str) -> DevServerError:
        return DevServerError(f"{self.name} failed: {what}", f"its whole log is {self.log}", tail(self.log))


def _command(
    class_path: Sequence[str], options: Sequence[str], properties: Mapping[str, str], java: Path | None
) -> list[str]:
    system = {"java.net.preferIPv4Stack": "true", **properties}
    jars = os.pathsep.join([*class_path, str(paths.pyspark_jar("py4j"))])
    gateway = ["py4j.GatewayServer", "--die-on-broken-pipe", "--enable-auth", "0"]
    flags = [*options, *(f"-D{key}={value}" for key, value in system.items())]
    return [str(java or find_java()), *flags, "-classpath", jars, *gateway]


def kill_all() -> None:
    """Every JVM of this process."""
    for jvm in list(_running):
        jvm.kill()


_running: set[Jvm] = set()
atexit.register(kill_all)  # in order, while py4j is still there; the tether is for all other ends


def tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """The last lines of a log file."""
    if not log.exists():
        return ""
    with log.open(errors="replace") as opened:
        return "".join(deque(opened, maxlen=lines)).rstrip()


def _drain(output: IO[bytes], log: Path) -> None:
    with output, log.open("ab", buffering=0) as target:
        target.writelines(output)  # line by line, as they come
