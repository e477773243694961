"""Joules from this machine's counters."""
