"""Token usage, model and place in; energy and carbon intervals out. Pure."""
