"""The hash-chained record of what watchbill itself did."""
