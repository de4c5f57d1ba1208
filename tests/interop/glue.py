"""The job as Glue runs it: a Python that has Spark and nothing else of ours but the job's packages, and spark-submit."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import signal
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import py4j
import pyspark

from lakewright.deploy import bundle
from tests import s3

GLUES = Path(__file__).parents[2] / "infra" / "modules" / "glue-job" / "main.tf"
"""Where the settings of Spark stand that Glue is given."""
STAND_IN = {
    "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
    "spark.hadoop.fs.s3a.path.style.access": "true",
    "spark.hadoop.fs.s3a.aws.credentials.provider": "com.amazonaws.auth.DefaultAWSCredentialsProviderChain",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Duser.timezone=UTC",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
}
"""What Glue's own file system does by itself, and what keeps a small machine quick."""


@dataclasses.dataclass(frozen=True)
class Glue:
    """Glue 5.0 as far as a job sees it: `python` has what its workers have, `jars` Hudi and access to S3."""

    python: Path
    script: Path
    jars: tuple[Path, ...]

    def start(self, endpoint: str, arguments: dict[str, str]) -> subprocess.Popen[bytes]:
        """Start the job, with arguments as Glue passes them; its processes are a group of their own, its logs beside it."""
        settings = _settings() | STAND_IN | {"spark.hadoop.fs.s3a.endpoint": endpoint}
        command = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit"), "--master", "local[1]"]
        command += ["--jars", ",".join(map(str, self.jars))]
        for name, value in settings.items():
            command += ["--conf", f"{name}={value}"]
        command += [str(self.script), "--JOB_NAME", "merge", "--JOB_RUN_ID", "jr_1", "--enable-metrics", "true"]
        command += [part for name, value in arguments.items() for part in (f"--{name}", value)]
        environment = {name: os.environ[name] for name in ("PATH", "JAVA_HOME")} | s3.CREDENTIALS
        environment |= {"AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": s3.CREDENTIALS["AWS_REGION"]}
        environment |= {"PYSPARK_PYTHON": str(self.python), "SPARK_HOME": str(Path(pyspark.__file__).parent)}
        with self._log("output").open("wb") as out, self._log("error").open("wb") as err:
            return subprocess.Popen(command, env=environment, start_new_session=True, stdout=out, stderr=err)

    def run(self, endpoint: str, arguments: dict[str, str]) -> tuple[int, str, str]:
        """Run the job to its end: exit code, stdout and stderr."""
        job = self.start(endpoint, arguments)
        try:
            code = job.wait()
            return code, self._log("output").read_text(), self._log("error").read_text()
        finally:
            kill(job)

    def _log(self, name: str) -> Path:
        """As Glue names the logs of a job."""
        return self.script.with_name(f"{name}.log")


def kill(job: subprocess.Popen[bytes]) -> None:
    """End the job, its JVM and its workers at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(job.pid, signal.SIGKILL)
    job.wait()


def install(folder: Path, hudi: Path) -> Glue:
    """Make an environment that has Spark alone, and install the job's packages there as Glue does: of the archive, no index."""
    packed = bundle.package(folder / "code")
    home = folder / "glue"
    venv.create(home, with_pip=False, symlinks=True)
    (site,) = home.glob("lib/python*/site-packages")
    for package in (pyspark, py4j):
        (site / package.__name__).symlink_to(Path(package.__file__).parent)
    with zipfile.ZipFile(packed.packages) as archive:
        archive.extractall(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "--disable-pip-version-check", "install"]
    pip += ["--quiet", "--no-index", "--find-links", str(folder / "wheels"), "-r", str(folder / "wheels" / "requirements.txt")]
    subprocess.run(pip, check=True, env=os.environ | {"PIP_FIND_LINKS": "", "PIP_USER": "0"})
    jars = [hudi, *(hudi.parent / name for name in ("hadoop-aws-3.3.4.jar", "aws-java-sdk-bundle-1.12.262.jar"))]
    return Glue(home / "bin" / "python", Path(packed.script), tuple(jars))


def _settings() -> dict[str, str]:
    """The settings of Spark that the module of Terraform gives Glue."""
    return dict(re.findall(r'"(spark\.[\w.]+)=([\w.]+)"', GLUES.read_text()))
