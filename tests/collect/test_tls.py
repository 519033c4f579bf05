"""Encrypted connections: with a certificate that is trusted, and clear words about one that is not."""

import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.collect.live import config, eventually, obedient, running
from tests.support import Mart

OPENSSL = [
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=pbx", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    try:
        subprocess.run([*OPENSSL, *names, *files], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl on this machine to make a certificate with")
    return folder / "cert.pem"


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, certificate.with_name("key.pem"))
    return made


def test_events_come_over_tls(
    mart: Mart, tmp_path: Path, certificate: Path, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with (
        obedient(tls=context) as switch,
        running(replace(config(mart, tmp_path, switch.port), tls=True)) as (collector,),
    ):
        eventually(lambda: collector.status.source.state == "connected")


@pytest.mark.parametrize(("encrypted", "word"), [(True, "SSL_CERT_FILE"), (False, "tlsenable")])
def test_a_certificate_that_is_not_trusted_or_none_at_all_is_refused(
    encrypted: bool, word: str, mart: Mart, tmp_path: Path, context: ssl.SSLContext
) -> None:
    with obedient(tls=context if encrypted else None) as switch:
        with running(replace(config(mart, tmp_path, switch.port), tls=True)) as (collector,):
            eventually(lambda: collector.status.source.error is not None)
            error = collector.status.source.error
        assert error is not None
        assert error["code"] == "TM120"
        assert word in str(error["hint"])
        assert switch.logins == 0
