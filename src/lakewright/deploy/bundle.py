"""Bundle: what the job on Glue takes with it - lake.yaml resolved, and packages for a Python without an index."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import lakewright
from lakewright.errors import DeployError
from lakewright.model import fields
from lakewright.project.known import Known
from lakewright.project.resolved import ResolvedFiles, ResolvedLake
from lakewright.project.tables import lake_tables
from lakewright.sources.files.dataset import Dataset

VERSION = 3
"""Of the project's JSON."""
PYTHON = "3.11"
"""That of Glue 5.0."""
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")
"""What runs on Glue 5.0, which has glibc 2.34."""
LOCK = Path(__file__).with_name("glue.lock")
"""The packages beside our own, with their versions: all that these need is in it."""
_PACKAGE = Path(lakewright.__file__).parent


def project_json(
    lake: ResolvedLake,
    name: str,
    region: str | None = None,
    captured: Known | None = None,
    definitions: Mapping[str, Dataset] | None = None,
) -> bytes:
    """A lake as its job takes it, under that name and in that region: its sources and their tables, no address, no secret.

    `captured` are the tables of its sources, `definitions` say how the files of each dataset are read. Where
    the zones lie the job is told when it starts: their buckets' names have the account in them.
    """
    sources = {
        each: dataclasses.replace(
            source,
            tables=() if source.files else tuple((captured or {}).get(each, ())),
            files=source.files and _defined(source.files, definitions or {}),
        )
        for each, source in lake.sources.items()
    }
    told = dataclasses.replace(lake, name=name, elsewhere={}, endpoint=None, region=region, sources=sources)
    if captured is not None:
        found = lake_tables(told, {each: captured.get(each, ()) for each in sources})[0]
        merged = {each.name for each in found if each.origin.table.schema != sources[each.origin.source].rejected_schema}
        told = dataclasses.replace(told, snapshots={n: each for n, each in lake.snapshots.items() if each.table in merged})
    content = {"version": VERSION, **told.to_json()}
    return (json.dumps({**content, "checksum": _checksum(content)}, indent=2, sort_keys=True) + "\n").encode()


def _checksum(content: Mapping[str, object]) -> str:
    """Of what the project's JSON says, however it is set: who edits it by hand is told, and not what breaks of it later."""
    return f"{zlib.crc32(json.dumps(content, sort_keys=True).encode()):08x}"


def _defined(files: ResolvedFiles, definitions: Mapping[str, Dataset]) -> ResolvedFiles:
    """The settings with the definitions of their datasets."""
    texts = {name: definition.to_json() for name, definition in definitions.items()}
    datasets = {name: dataclasses.replace(each, definition=texts.get(name)) for name, each in files.datasets.items()}
    return dataclasses.replace(files, datasets=datasets)


def read(data: bytes, zones: Mapping[str, str]) -> ResolvedLake:
    """The lake that `project_json` wrote, with its `zones` at these URLs; raises `DeployError` LW-730 for anything else."""
    try:
        content = json.loads(data)
        if (version := content.pop("version")) != VERSION:
            raise ValueError(f"its version is {version}, this job reads {VERSION}")
        if content.pop("checksum") != _checksum({"version": VERSION, **content}):
            raise ValueError("it is not what was rendered, its checksum differs")
        lake = ResolvedLake.from_json(content)
        if unknown := sorted(zones.keys() - lake.folders.keys()):
            raise ValueError(f"the lake has no zone {unknown[0]} (zones: {', '.join(lake.folders)})")
        if missing := sorted({"raw", "curated"} - zones.keys()):
            raise ValueError(f"nothing says where zone {missing[0]} lies")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        hint = "`lakewright deploy render` writes it; the job's --zones has zone=s3://bucket/prefix for each zone, with commas"
        raise DeployError("LW-730", f"the project's bundle cannot be used: {fields.damage(error)}", hint=hint) from None
    return dataclasses.replace(lake, folders={**lake.folders, **{zone: zone for zone in zones}}, elsewhere=dict(zones))


@dataclasses.dataclass(frozen=True)
class Packed:
    """The files that the job is started with: its script, and the archive of its packages."""

    script: str
    packages: str


def package(folder: Path) -> Packed:
    """Write the job's script and packages into `folder`, each the same each time; raises as `wheels`."""
    script, packages = folder / "merge.py", folder / "lakewright.gluewheels.zip"
    with tempfile.TemporaryDirectory() as scratch:
        found = wheels(Path(scratch))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            pack(found, packages)
            script.write_bytes((_PACKAGE / "deploy" / "glue_job.py").read_bytes())
        except OSError as error:
            raise DeployError("LW-702", f"cannot write into {folder}: {error.strerror}", hint="name another folder") from error
    return Packed(str(script), str(packages))


def wheels(folder: Path) -> list[Path]:
    """Put our own wheel and those of `LOCK` into `folder`: together they need nothing that they do not have.

    Ours is made of the package that runs, and the same each time. Raises `DeployError` LW-731 where pip cannot get the others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}"]
    command += [f"--platform={platform}" for platform in PLATFORMS]
    done = subprocess.run([*command, "--dest", str(folder), "-r", str(LOCK)], capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        hint = "it needs a package index, or wheels in PIP_FIND_LINKS"
        raise DeployError("LW-731", f"pip cannot get the job's packages: {said}", hint=hint)
    own = folder / f"lakewright-{lakewright.__version__}+glue-py3-none-any.whl"
    _write_wheel(own)
    return sorted(folder.glob("*.whl"))


def pack(wheels: Iterable[Path], target: Path) -> None:
    """One archive of wheels, as Glue takes it: ``--additional-python-modules s3://.../NAME.gluewheels.zip``.

    https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html (zip of wheels)
    """
    listed = sorted(wheels)
    names = "".join(f"{'=='.join(wheel.name.split('-')[:2])}\n" for wheel in listed)
    with zipfile.ZipFile(target, "w") as archive:
        _add(archive, "wheels/requirements.txt", names.encode())
        for wheel in listed:
            _add(archive, f"wheels/{wheel.name}", wheel.read_bytes(), zipfile.ZIP_STORED)


def _write_wheel(target: Path) -> None:
    """The package that runs, as a wheel that needs `LOCK` alone."""
    version = f"{lakewright.__version__}+glue"
    info = f"lakewright-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {line}\n" for line in LOCK.read_text().splitlines() if line and not line.startswith("#"))
    files = {
        f"lakewright/{path.relative_to(_PACKAGE).as_posix()}": path.read_bytes()
        for path in sorted(_PACKAGE.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: lakewright\nVersion: {version}\n{needs}".encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: lakewright\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{name},sha256={_digest(content)},{len(content)}\n" for name, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            _add(archive, name, content)


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _add(archive: zipfile.ZipFile, name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> None:
    """A file of an archive, without the time at which it was made."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content, compression)
