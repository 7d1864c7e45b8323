"""The components on AWS."""
