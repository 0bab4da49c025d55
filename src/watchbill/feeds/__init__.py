"""Outside schedules, fetched from where they are."""
