"""One module per API family: a `Call` in, an `Answer` out; no sockets here."""
