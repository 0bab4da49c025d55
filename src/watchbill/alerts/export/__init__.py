"""Cases as the documents that other systems read: OCSF, ASFF, JSON lines, syslog, webhooks, Prometheus."""
