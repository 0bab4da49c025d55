"""Calendar feeds (RFC 5545), of any product: who is on call when, in the feed's own words."""
