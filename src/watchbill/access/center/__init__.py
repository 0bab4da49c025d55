"""Access that people have by way of IAM Identity Center: what is there, what should be, and what would change."""
