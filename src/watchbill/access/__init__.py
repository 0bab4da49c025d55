"""From entitlement over time to AWS documents: desired, observed, plan, apply, drift."""
