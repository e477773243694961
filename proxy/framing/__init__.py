"""Bytes in, events out: the framings in which servers send their answers."""
