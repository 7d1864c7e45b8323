"""A session for the local cloud. It ignores the user's own AWS configuration."""

import os

import boto3
import botocore.session


def isolated_session(
    *, region: str, access_key: str, secret_key: str, session_token: str | None = None
) -> boto3.Session:
    """Return a session with these credentials, for which no profile, file or variable of the user's exists."""
    nowhere = (None, None, os.devnull, None)
    # The four fields are: key in the configuration file, environment variable, default, conversion.
    core = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": nowhere,
            "credentials_file": nowhere,
            "ca_bundle": (None, None, None, None),
        }
    )
    return boto3.Session(
        botocore_session=core,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=session_token,
        region_name=region,
    )
