"""Language models over HTTP: the client, finding a server, judges."""
