"""Events kept for good: columns in Parquet files, asked by SQL."""
