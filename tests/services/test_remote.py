"""The remote store: a real S3-speaking server on loopback, pushed to, pulled from, and killed."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import time
from random import Random

import pytest

pytestmark = pytest.mark.service

KEY, SECRET = "the-key", "the-secret"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
    "NO_PROXY": "127.0.0.1",
}


class Server:
    """`rclone serve s3` over a folder; buckets are its subfolders."""

    def __init__(self, folder, environment):
        """Choose a port; nothing runs yet."""
        self.folder, self.environment, self.process = folder, environment, None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "bucket").mkdir(parents=True)

    def start(self, *options):
        """Start, and wait until it takes connections."""
        command = ["rclone", "serve", "s3", "--auth-key", f"{KEY},{SECRET}", "--config", os.devnull]
        command += ["--addr", f"127.0.0.1:{self.port}", *options, str(self.folder)]
        log = (self.folder.parent / "server.log").open("a")
        self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        log.close()
        for _ in range(600):
            assert self.process.poll() is None, (self.folder.parent / "server.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError

    def kill(self):
        """Kill -9."""
        self.process.kill()
        self.process.wait(timeout=10)

    def stored(self):
        """The bytes that have arrived."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def server(tmp_path, environment):
    """A server that is not running yet."""
    result = Server(tmp_path / "server" / "data", environment)
    yield result
    if result.process and result.process.poll() is None:
        result.kill()


def make_remote(clone, *variables, code=0):
    """Run `make remote` in the environment that runs the tests."""
    return clone.run("make", "-o", "setup", "remote", *variables, code=code)


def hashes(folder):
    """The SHA-256 of every file in a folder, by its name."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_run_pushed_to_an_s3_store_is_whole_in_a_clone_elsewhere(workspace, cloned, server, tmp_path):
    """After push and pull `dvc status` is clean in the other clone, and data and models are the same."""
    server.start()
    make_remote(workspace, "URL=s3://bucket/some/path", f"ENDPOINT={server.url}")
    workspace.git("commit", "-qam", "A store")
    workspace.dvc("push", **CREDENTIALS)
    other = cloned(tmp_path / "other", source=workspace.path)
    other.dvc("pull", **CREDENTIALS)
    assert other.dvc("status") == "Data and pipelines are up to date.\n"
    assert "in sync" in other.dvc("status", "-c", **CREDENTIALS)
    for folder in ("data", "models"):
        assert hashes(other.path / folder) == hashes(workspace.path / folder) != {}
    assert other.git("status", "--short") == ""
    assert SECRET not in (other.path / ".dvc/config").read_text()


def test_with_a_wrong_secret_the_push_fails_and_stores_nothing(workspace, server):
    """A wrong secret is refused by the store: exit code not 0, no byte stored."""
    server.start()
    make_remote(workspace, "URL=s3://bucket/path", f"ENDPOINT={server.url}")
    said = workspace.dvc("push", code=255, **CREDENTIALS | {"AWS_SECRET_ACCESS_KEY": "a-guess"})
    assert "ERROR" in said
    assert "onnect" not in said, "the store itself said no"
    assert "Traceback" not in said
    assert server.stored() == 0


def test_a_push_cut_by_the_servers_death_is_completed_by_the_next(clone, cloned, server, tmp_path):
    """The server is killed amid a push of 208 MB; the next push completes, nothing is lost or corrupted."""
    random, blob = Random(7), clone.path / "blob"
    blob.mkdir()
    for number in range(16):
        (blob / f"{number:02}.bin").write_bytes(random.randbytes(13_000_000))
    make_remote(clone, "URL=s3://bucket/path", f"ENDPOINT={server.url}")
    clone.dvc("add", "-q", "blob")
    clone.git("add", "-A")
    clone.git("commit", "-qm", "A large folder")

    server.start("--bwlimit", "60M")
    push = clone.start("dvc", "push", "-j", "2", "blob.dvc", **CREDENTIALS)
    give_up = time.monotonic() + 120
    while server.stored() < 40_000_000 and push.poll() is None and time.monotonic() < give_up:
        time.sleep(0.02)
    server.kill()
    arrived = server.stored()
    ended = clone.end(push)
    assert 0 < arrived < 208_000_000, ended.output
    assert ended.code != 0
    assert "ERROR" in ended.output
    assert "Traceback" not in ended.output
    assert len(ended.output.strip().splitlines()) <= 24

    server.start()
    assert "new:" in clone.dvc("status", "-c", "blob.dvc", **CREDENTIALS)
    clone.dvc("push", "blob.dvc", **CREDENTIALS)
    assert "in sync" in clone.dvc("status", "-c", "blob.dvc", **CREDENTIALS)
    other = cloned(tmp_path / "other", source=clone.path)
    other.dvc("pull", "blob.dvc", **CREDENTIALS)
    assert hashes(other.path / "blob") == hashes(blob)
    assert len(hashes(blob)) == 16
    assert other.dvc("status", "blob.dvc") == "Data and pipelines are up to date.\n"
    shutil.rmtree(server.folder)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ([], "URL is empty"),
        (["URL="], "URL is empty"),
        (["URL=https://bucket/path"], "must begin with s3://"),
        (["URL=s3://"], "must begin with s3://"),
        (["URL=s3://key:secret@bucket/path"], "no credentials"),
        (["URL=s3://bucket/path", "ENDPOINT=http://key:secret@127.0.0.1:9000"], "no credentials"),
        (["URL=s3://bucket/path?secret=x"], "no credentials"),
    ],
)
def test_a_url_that_cannot_be_a_store_is_refused(clone, variables, words):
    """`make remote` refuses an empty or wrong URL and one with credentials, and changes no setting."""
    said = make_remote(clone, *variables, code=2)
    assert "error: " in said
    assert words in said
    assert clone.git("status", "--short") == ""


def test_the_store_is_the_default_remote_and_stands_in_the_committed_config(clone):
    """`make remote` names the store `store`; a second call replaces the first, its endpoint included."""
    make_remote(clone, "URL=s3://old/path", "ENDPOINT=http://127.0.0.1:9")
    make_remote(clone, "URL=s3://bucket/path")
    assert clone.dvc("config", "core.remote").strip() == "store"
    assert clone.dvc("remote", "list").split() == ["store", "s3://bucket/path", "(default)"]
    assert "endpointurl" not in (clone.path / ".dvc/config").read_text()
