"""What a record is and what may be in it: masking, digests, leaves. Pure: no input or output in here."""
