#!/usr/bin/env bash
# rfc3161-client 1.0.9 (PyPI): `Verifier.verify` refuses a sound time stamp whose response has status 1.
#
# RFC 3161, section 2.4.2: with status 0 (granted) or 1 (grantedWithMods) the response holds a time stamp. The status
# stands outside of what the authority signs. OpenSSL verifies the response under both statuses.
#
# Seen: OpenSSL prints "Verification: OK" twice; rfc3161-client returns True, then raises
# "PKIStatus is not GRANTED".
# Needs: python3, openssl, network to the package index.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check rfc3161-client==1.0.9 cryptography

cat > ca.cnf <<'CNF'
[tsa]
default_tsa = one
[one]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256
ordering = yes
ess_cert_id_chain = no
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
CNF
openssl ecparam -name prime256v1 -genkey -noout -out root.key 2>/dev/null
openssl ecparam -name prime256v1 -genkey -noout -out leaf.key 2>/dev/null
openssl req -x509 -new -key root.key -subj /CN=root -days 30 -out root.pem -extensions root \
  -config <(printf '[req]\ndistinguished_name=dn\n[dn]\n'; cat ca.cnf) 2>/dev/null
openssl req -new -key leaf.key -subj /CN=leaf -out leaf.csr -config <(printf '[req]\ndistinguished_name=dn\n[dn]\n') 2>/dev/null
openssl x509 -req -in leaf.csr -CA root.pem -CAkey root.key -set_serial 2 -days 30 -extfile ca.cnf -extensions leaf \
  -out leaf.pem 2>/dev/null
echo 01 > serial
echo "a checkpoint" > data
openssl ts -query -data data -sha256 -cert -out query.tsq 2>/dev/null
openssl ts -reply -config ca.cnf -queryfile query.tsq -inkey leaf.key -signer leaf.pem -out granted.tsr 2>/dev/null

cat > check.py <<'PY'
from pathlib import Path

from cryptography import x509
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

granted = Path("granted.tsr").read_bytes()
place = granted.index(bytes.fromhex("020100"))  # INTEGER 0, the status: the first member of the response
modified = granted[:place] + bytes.fromhex("020101") + granted[place + 3 :]
Path("modified.tsr").write_bytes(modified)
root = x509.load_pem_x509_certificate(Path("root.pem").read_bytes())
verifier = VerifierBuilder().add_root_certificate(root).build()
data = Path("data").read_bytes()
assert verifier.verify_message(decode_timestamp_response(granted), data) is True
try:
    verifier.verify_message(decode_timestamp_response(modified), data)
except VerificationError as error:
    print(f"status 1: {error}")
    assert str(error) == "PKIStatus is not GRANTED"
else:
    raise SystemExit("changed: status 1 is taken now")
PY
venv/bin/python check.py
for response in granted modified; do
  openssl ts -verify -in $response.tsr -data data -CAfile root.pem 2>&1 | tee verdict
  grep -q "Verification: OK" verdict
done
