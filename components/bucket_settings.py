"""What every bucket of this kit has in common, beside what its own component says. Plain data, no SDK.

Guarantee: what is stored under a key that only the sender has is refused in every bucket, also in one that is older
than S3's own refusal.
"""

from __future__ import annotations

from typing import Final

NO_CUSTOMER_KEYS: Final = ["SSE-C"]
"""S3 blocks these on every bucket made since April 2026, and says so: left out, it would differ at each run.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/blocking-unblocking-s3-c-encryption-gpb.html
"""
LIFECYCLE_PATIENCE: Final = "15m"
"""The provider waits until S3 gives the same lifecycle ten times in a row, by default for 3 minutes at most.

It reads the input `timeouts`. The option `custom_timeouts` says the same to a provider that reads only that one.
"""
