"""One row per request; sums in SQL."""
