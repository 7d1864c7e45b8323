"""The local cloud's Pulumi providers: exactly the `aws:` and `random:` types and functions that the program uses.

Guarantees: they talk to an emulator on a loopback address and to nothing else; they take no credential from this
machine; what they do not understand is an error that names it. They speak Pulumi's resource-provider protocol, so the
project's own engine and the official CLI can both use them.
"""

from localcloud.provider.packages import AwsProvider, RandomProvider
from localcloud.provider.server import serve

__all__ = ["AwsProvider", "RandomProvider", "serve"]
