"""One picture is fetched from a public host, within limits of bytes, time and redirects, or refused in one line."""

import ipaddress
import shutil
import ssl
import subprocess
from dataclasses import replace

import pytest

from ampnet.errors import DataError
from ampnet.files.download import POLICY, fetch, file_name, is_public, is_url
from tests.web import LOCAL, content, redirect, server

LIMIT = 1000


def reason(url, policy=LOCAL):
    with pytest.raises(DataError) as error:
        fetch(url, LIMIT, policy)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_content_of_an_address_comes_whole():
    wanted = bytes(range(250)) * 4
    with server({"/a%20photo.jpg?size=2": content(wanted)}) as web:
        assert fetch(f"{web}/a photo.jpg?size=2", LIMIT, LOCAL) == wanted


def test_a_length_that_the_server_does_not_tell_is_bounded_too():
    def endless(request, end):
        request.send_response(200)
        request.end_headers()
        while not end.is_set():
            request.wfile.write(b"x" * 500)

    with server({"/endless": endless, "/large": content(b"x" * (LIMIT + 1))}) as web:
        assert "more than the limit of 1,000 bytes" in reason(f"{web}/endless")
        assert "more than the limit of 1,000 bytes" in reason(f"{web}/large")


def test_other_answers_than_a_picture_are_told_apart():
    answers = {
        "/page": content(b"<html>", Content_Type="text/html; charset=utf-8"),
        "/zip": content(b"x", Content_Encoding="gzip"),
        "/cut": content(b"x", Content_Length="10"),
        "/nowhere": redirect("file:///etc/passwd"),
        "/broken": lambda request, _end: request.wfile.write(b"not HTTP\r\n\r\n") and None,
    }
    with server(answers) as web:
        assert "the server answers 404 Not Found" in reason(f"{web}/gone")
        assert "a web page, not a picture" in reason(f"{web}/page")
        assert "compressed" in reason(f"{web}/zip")
        assert "before the picture was complete" in reason(f"{web}/cut")
        assert "it leads to file:" in reason(f"{web}/nowhere")
        assert "failed: not HTTP" in reason(f"{web}/broken")
    assert "refused" in reason(f"{web}/after-its-end")


def silent(_request, end):
    end.wait()


def dripping(request, end):
    """Send a byte of a header now and then, so that no single read takes long."""
    request.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
    while not end.wait(0.02):
        request.wfile.write(b"x")


@pytest.mark.parametrize("slow", [silent, dripping])
def test_a_slow_server_is_left_when_the_time_is_over(slow):
    with server({"/slow": slow}) as web:
        assert "within 0.3 seconds" in reason(f"{web}/slow", replace(LOCAL, seconds=0.3))


def test_redirects_are_followed_five_times():
    hops = {f"/{n}": redirect(f"/{n + 1}") for n in range(6)}
    with server(hops | {"/6": content(b"picture")}) as web:
        assert fetch(f"{web}/1", LIMIT, LOCAL) == b"picture"
        assert "more than 5 times" in reason(f"{web}/0")


def test_a_redirect_to_a_local_address_is_refused_before_it_is_asked():
    asked = []
    policy = replace(LOCAL, allows=lambda address: str(address) == "127.0.0.1")
    with server({"/secret": lambda *_: asked.append("secret")}) as inner:
        local = inner.replace("127.0.0.1", "127.0.0.2")
        with server({"/a.jpg": redirect(f"{local}/secret")}) as web:
            assert "127.0.0.2 is not a public host" in reason(f"{web}/a.jpg", policy)
    assert asked == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"],
)
def test_this_machine_is_not_asked_under_any_name(host):
    assert "not a public host" in reason(f"http://{host}:9/", POLICY)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "ff0e::1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a00:1",
        "2001:db8::1",
    ],
)
def test_addresses_of_local_networks_are_not_public(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_internet_are_public(address):
    assert is_public(ipaddress.ip_address(address))


def test_a_host_with_one_local_address_is_refused():
    mixed = replace(POLICY, resolve=lambda _host, _port: ["8.8.8.8", "10.0.0.1"])
    assert "10.0.0.1" in reason("http://photos.test/", mixed)


def test_a_host_is_looked_up_once_so_that_its_address_cannot_change_after_the_check():
    looked_up = []

    def resolve(host, _port):
        looked_up.append(host)
        return ["127.0.0.1"] if len(looked_up) == 1 else ["10.0.0.1"]

    with server({"/a.jpg": content(b"picture")}) as web:
        url = web.replace("127.0.0.1", "photos.test")
        assert fetch(f"{url}/a.jpg", LIMIT, replace(LOCAL, resolve=resolve)) == b"picture"
    assert looked_up == ["photos.test"]


def test_proxies_of_the_environment_are_not_asked(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with server({"/a.jpg": content(b"picture")}) as web:
        assert fetch(f"{web}/a.jpg", LIMIT, LOCAL) == b"picture"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_the_certificate_has_to_be_trusted_and_to_name_the_host(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=photos.test"
    names = ["-addext", "subjectAltName=DNS:photos.test", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate, key)
    untrusting = replace(LOCAL, resolve=lambda _host, _port: ["127.0.0.1"])
    trusting = replace(untrusting, trust=lambda: ssl.create_default_context(cafile=str(certificate)))
    with server({"/a.jpg": content(b"picture")}, own) as web:
        named, other = (web.replace("127.0.0.1", host) + "/a.jpg" for host in ("photos.test", "other.test"))
        assert fetch(named, LIMIT, trusting) == b"picture"
        assert "Hostname mismatch" in reason(other, trusting)
        assert "self-signed" in reason(named, untrusting).replace("self signed", "self-signed")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://me:secret@example.org/a.jpg", "user name or password"),
        ("http://@example.org/a.jpg", "user name or password"),
        ("http:///a.jpg", "the host is missing"),
        ("http://[::1/a.jpg", "not a valid address"),
        ("http://example.org:99999/", "not a valid address"),
        ("http://example.org/\r\nHost: other", "control characters"),
        ("http://fe80::1%25eth0/", "not a valid address"),
        ("ftp://example.org/a.jpg", "it leads to ftp:"),
    ],
)
def test_what_is_no_plain_address_is_refused(url, words):
    assert words in reason(url)
    assert "secret" not in reason(url)


def test_an_unknown_host_is_said():
    def unknown(_host, _port):
        raise OSError("no such name")

    assert "the host nowhere.test cannot be found" in reason("http://nowhere.test/", replace(LOCAL, resolve=unknown))


def test_addresses_are_told_from_paths():
    assert is_url("https://a")
    assert is_url("HTTP://a/b")
    assert not any(map(is_url, ("http:/a", "ftp://a", "photo.jpg", "./http://a", b"http://a")))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/photos/a%20b.jpg?size=2#top", "a b.jpg"),
        ("https://example.org/photos/", "photos"),
        ("https://example.org/%2e%2e%2fup.jpg", "up.jpg"),
        ("https://example.org/..", "example.org"),
        ("https://example.org", "example.org"),
        ("https://example.org/a%00%0a.jpg", r"a\x00\n.jpg"),
    ],
)
def test_an_annotated_copy_is_named_by_the_last_part(url, name):
    assert file_name(url) == name
