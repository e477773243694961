"""Rows in; totals, Tabs, summaries and exports out."""
