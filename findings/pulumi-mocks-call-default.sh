#!/usr/bin/env bash
# pulumi 3.272.0 (PyPI), the Python SDK: what `Mocks.call` returns by default cannot be read by the mocks themselves.
#
# `pulumi.runtime.Mocks.call` is typed as a result and an optional list of failures, and its default is `({}, None)`.
# Seen: an invoke through such mocks fails with "TypeError: 'NoneType' object is not iterable", also with the default
# itself. An empty list in place of None works, and so does the result alone, which the type does not allow.
# Needs: python3.11 or newer, network to the package index. Everything else is on loopback.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check 'pulumi==3.272.0'
venv/bin/python - <<'PY'
import pulumi


class Default(pulumi.runtime.Mocks):
    def call(self, args):
        return super().call(args)

    def new_resource(self, args):
        return None, {}


class EmptyList(Default):
    def call(self, args):
        return {"answer": "42"}, []


class Alone(Default):
    def call(self, args):
        return {"answer": "42"}


def ask(mocks):
    pulumi.runtime.set_mocks(mocks, preview=False)
    return pulumi.runtime.invoke("example:index:getAnswer", {}).value


assert pulumi.runtime.Mocks.call(Default(), None) == ({}, None)
try:
    ask(Default())
except Exception as error:
    seen = f"{type(error).__name__}: {error}"
else:
    seen = "no error"
print("default:", seen.splitlines()[-1])
assert "'NoneType' object is not iterable" in seen, seen
for mocks in (EmptyList(), Alone()):
    answer = ask(mocks)
    print(f"{type(mocks).__name__}:", answer)
    assert answer == {"answer": "42"}, answer
PY
