"""Measurements of tabwatt against its neighbours: never part of the test suite."""
