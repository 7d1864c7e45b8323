"""Values that the buckets of this kit share. Plain data, no SDK.

Guarantee: every bucket refuses objects that are encrypted with a key of the sender's (SSE-C), also a bucket that is
older than S3's own default.
"""

from __future__ import annotations

from typing import Final

NO_CUSTOMER_KEYS: Final = ["SSE-C"]
"""S3 blocks these on every bucket made since April 2026 and returns them. Left out, each run would show a difference.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/blocking-unblocking-s3-c-encryption-gpb.html
"""
LIFECYCLE_PATIENCE: Final = "15m"
"""The provider waits until S3 gives the same lifecycle ten times in a row, by default for 3 minutes at most.

It reads the input `timeouts`. The option `custom_timeouts` is for a provider that reads only that one.
"""
