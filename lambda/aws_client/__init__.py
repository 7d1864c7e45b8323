"""How the functions speak to AWS: signed requests over kept connections, and none of boto3."""
