"""Papers of the tests' own: a root, what it signs for loopback and for the platform's names, and pebble's settings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.kernel.clock import utc_now

OURS = "Tests of opscom"
DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Papers:
    """Files: the root, and one certificate with its key, for the platform's names and for loopback."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def write(cls, folder: Path, base_domain: str) -> Papers:
        """Write all of them."""
        papers = cls(folder / "ca.pem", folder / "wildcard.pem", folder / "wildcard-key.pem")
        root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = _root(root_key)
        leaf = _leaf(key, root_key, [f"*.{base_domain}", f"*.preview.{base_domain}"])
        papers.ca.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        papers.certificate.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
        papers.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return papers

    def pebble_config(self, ports: dict[str, int]) -> Path:
        """The settings of the authority, which looks for answers to its challenges at the edge."""
        settings = {
            "listenAddress": f"127.0.0.1:{ports['authority']}",
            "managementListenAddress": f"127.0.0.1:{ports['roots']}",
            "certificate": str(self.certificate),
            "privateKey": str(self.key),
            "httpPort": ports["http"],
            "tlsPort": ports["https"],
        }
        path = self.ca.with_name("pebble.json")
        path.write_text(json.dumps({"pebble": settings}))
        return path


def _root(key: Key) -> x509.Certificate:
    basic = x509.BasicConstraints(ca=True, path_length=0)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    built = _builder(OURS, key).add_extension(basic, critical=True).add_extension(usage, critical=True)
    return built.add_extension(identifier, critical=False).sign(key, hashes.SHA256())


def _leaf(key: Key, root_key: Key, names: list[str]) -> x509.Certificate:
    alternatives = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")), *map(x509.DNSName, names)]
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    built = _builder(names[0], key).add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return built.add_extension(identifier, critical=False).sign(root_key, hashes.SHA256())


def _builder(name: str, key: Key) -> x509.CertificateBuilder:
    now = utc_now()
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, OURS)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
    )
