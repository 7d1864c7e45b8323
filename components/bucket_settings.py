"""What every bucket of this kit has in common, beside what its own component says.

Guarantee: what is stored under a key that only the sender has is refused, in every bucket that is made now or was made
before S3 refused it by itself.
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_aws as aws

NO_CUSTOMER_KEYS: Final = ["SSE-C"]
"""S3 blocks these on every bucket made since April 2026, and says so: left out, it would differ at each run.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/blocking-unblocking-s3-c-encryption-gpb.html
"""

_PATIENCE: Final = "15m"
"""The provider waits until S3 gives the same lifecycle ten times in a row, by default for 3 minutes at most."""
LIFECYCLE_TIMEOUTS: Final = aws.s3.BucketLifecycleConfigurationTimeoutsArgs(create=_PATIENCE, update=_PATIENCE)
LIFECYCLE_TIMEOUT: Final = pulumi.CustomTimeouts(create=_PATIENCE, update=_PATIENCE)
"""The same as a resource option, which this provider does not read today and other versions may."""
