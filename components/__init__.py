"""What gets provisioned: one component a file, its arguments beside it."""
