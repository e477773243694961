"""Other systems' exports in, records out."""
